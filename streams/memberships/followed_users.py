"""FollowedUsers keeps the conversations of users loaded: of those with a session here, and of some who had one."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from streams.memberships.conversation_views import ConversationViews
from streams.memberships.recent_records import UserKey

LINGERING_USERS: Final = 1_000
"""Maximum number of users without a session who are still followed: they may return, also while the store is down."""
LINGERING_CONVERSATIONS: Final = 10_000
"""Maximum number of conversations of those together."""
COUNTED_AT_ONCE: Final = 100
"""Maximum number of users whose conversations are counted together."""
COUNT_S: Final = 60.0
"""Maximum age of a count, in seconds."""
MAX_COUNTED: Final = 10_000
"""Maximum number of counts that are remembered."""


class _Followed:
    """A followed user: how many sessions need that, and whether all their conversations are loaded."""

    __slots__ = ("complete", "loading", "sessions")

    def __init__(self) -> None:
        self.sessions = 0
        self.complete = False
        self.loading = asyncio.Lock()


class FollowedUsers:
    """The followed users of one view."""

    def __init__(self, views: ConversationViews) -> None:
        self.lingering = LINGERING_USERS
        self._views = views
        self._users: dict[UserKey, _Followed] = {}
        self._counted: dict[UserKey, tuple[int, float]] = {}
        self._lingering: OrderedDict[UserKey, int] = OrderedDict()
        self._lingering_conversations = 0

    async def follow(self, user: UserKey) -> None:
        """Return when all conversations of the user are loaded. Raises `Unavailable` and `NotReady`."""
        one = self._users.setdefault(user, _Followed())
        one.sessions += 1
        self._lingering_conversations -= self._lingering.pop(user, 0)
        try:
            async with one.loading:
                if not one.complete:
                    await self._load(user)
                    one.complete = True
        except BaseException:
            self.unfollow(user)
            raise

    async def _load(self, user: UserKey) -> None:
        loaded = self._views.loaded
        loaded.hold(user)  # before it is read: what is added meanwhile is loaded too
        found = (await self._views.conversations_of([user]))[user]
        loaded.note_ever(user, found)
        await self._views.find_all(key for key, present in found.items() if present)

    def unfollow(self, user: UserKey) -> None:
        """End what `follow` began."""
        one = self._users[user]
        one.sessions -= 1
        if one.sessions:
            return
        if not one.complete:
            self._release(user)
            return
        self._lingering[user] = len(self._views.loaded.of_user(user))
        self._lingering_conversations += self._lingering[user]
        while len(self._lingering) > self.lingering or self._lingering_conversations > LINGERING_CONVERSATIONS:
            oldest, conversations = self._lingering.popitem(last=False)
            self._lingering_conversations -= conversations
            self._release(oldest)

    def _release(self, user: UserKey) -> None:
        del self._users[user]
        self._views.loaded.release(user)
        self._views.loaded.forget_idle()

    async def counts(self, users: Iterable[UserKey]) -> dict[UserKey, int]:
        """Return how many conversations any users are in: followed ones now, others as they were counted within a
        minute, and since `forget_counts`. Raises `Unavailable` and `NotReady`.
        """
        found = {user: self._count(user) for user in users}
        unknown = [user for user, count in found.items() if count is None]
        for start in range(0, len(unknown), COUNTED_AT_ONCE):
            part = unknown[start : start + COUNTED_AT_ONCE]
            read = await self._views.conversations_of(part)
            counts = {user: sum(conversations.values()) for user, conversations in read.items()}
            now = asyncio.get_running_loop().time()
            self._counted |= {user: (count, now) for user, count in counts.items()}
            found |= counts
        while len(self._counted) > MAX_COUNTED:
            del self._counted[next(iter(self._counted))]
        return {user: count for user, count in found.items() if count is not None}

    def _count(self, user: UserKey) -> int | None:
        """Return what is known of a user's number."""
        if (one := self._users.get(user)) is not None and one.complete:
            return len(self._views.loaded.present_of_user(user))
        count, at = self._counted.get(user, (None, 0.0))
        return count if asyncio.get_running_loop().time() - at < COUNT_S else None

    def forget_counts(self) -> None:
        """Count the users anew who are not followed: the view has passed the log's end."""
        self._counted.clear()
