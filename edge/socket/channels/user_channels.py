"""UserChannels delivers the lane of each user of one node to all of their sessions: in order, each number once.

A push that is next is delivered at once. For any other the lane is read from the store up to its head: the row of a
push was saved before it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from core.health import Health
from core.outages import REPEATS
from core.ports.event_log import Unavailable
from edge.socket.channels.jobs import Spawn
from edge.socket.channels.store_reads import StoreReads
from edge.socket.channels.subscriber import Subscriber
from edge.socket.channels.user_channel import UserChannel
from edge.socket.delivery.node_registration import NodeRegistration
from projections.inbox import inbox_rows
from projections.queries.lanes import Lanes
from schemas.wire.frames import Push

logger: Final = logging.getLogger("caas.hub")
PAGE: Final = 250
"""Maximum number of rows of either kind in one read."""


class UserChannels:
    """The lanes of the users who have sessions on one node."""

    def __init__(
        self,
        lanes: Lanes,
        registration: NodeRegistration,
        store_reads: StoreReads,
        health: Health,
        *,
        spawn: Spawn,
        look_soon: Callable[[], None],
    ) -> None:
        self._lanes = lanes
        self._registration = registration
        self._store_reads = store_reads
        self._health = health
        self._spawn = spawn
        self._look_soon = look_soon
        self._users: dict[str, UserChannel] = {}

    @property
    def held(self) -> Iterable[str]:
        """The names in presence of the users who are here."""
        return self._users.keys()

    def subscribers(self, tenant: str, name: str) -> Iterable[Subscriber]:
        """Return the sessions of a user."""
        user = self._users.get(inbox_rows.channel_of(tenant, name))
        return () if user is None else user.subscribers

    def delivered(self, tenant: str, name: str) -> int:
        """Return the last delivered number of the user's own lane here; 0 if unknown."""
        user = self._users.get(inbox_rows.channel_of(tenant, name))
        return 0 if user is None else user.last or user.start or 0

    # Pushes

    def deliver(self, push: Push) -> None:
        """Deliver a push of a user's lane."""
        user = self._users.get(push.conversation_id)
        if user is None:
            self._health.count("push_unwanted")
        elif user.last is not None and push.n <= user.last:
            self._health.count("push_duplicate")
        elif user.last == push.n - 1 and not user.healing and self._lanes.knows(push.model, push.generation):
            self._health.counted["delivered"] += user.deliver(push.n, push.frame)
        else:
            user.expects(push)
            self._begin(user)

    def deliver_unnumbered(self, push: Push) -> None:
        """Deliver a receipt or an error."""
        user = self._users.get(push.to)
        if user is None:
            self._health.count("push_unwanted")
        else:
            user.send(push.frame)

    # Sessions

    def is_open(self, subscriber: Subscriber) -> bool:
        """Return whether the channel of this session's user is open."""
        user = self._users.get(_id(subscriber))
        return user is not None and user.opening is None

    async def open(self, subscriber: Subscriber) -> None:
        """Register this user with the processors, then read the head of the lane; or wait for the task that does so,
        after which the caller asks `is_open` again.

        It does not wait for a store that is down: the head is then unknown, as in a channel (see `Hub.attach`).
        """
        user = self._users.get(_id(subscriber))
        if user is None:
            key = inbox_rows.key_of(subscriber.tenant, subscriber.user_id)
            await self._open(UserChannel(_id(subscriber), key))
        elif user.opening is not None:
            await asyncio.shield(user.opening)

    async def _open(self, user: UserChannel) -> None:
        user.opening = asyncio.get_running_loop().create_future()
        self._users[user.id] = user
        try:
            await self._registration.enter([user.id])
            user.last = (await self._lanes.user_heads([user.key]))[user.key]
        except Unavailable as error:
            logger.warning("%s opens without the head of its lane: %s", user.id, error, extra=REPEATS)
            self._look_soon()
        except BaseException:
            self._close(user)
            raise
        finally:
            user.opening.set_result(None)
            user.opening = None
        self._begin(user)

    def add(self, subscriber: Subscriber) -> None:
        """Add a session to the open channel of its user."""
        self._users[_id(subscriber)].subscribers[subscriber] = None

    def detach(self, subscriber: Subscriber) -> None:
        """Remove a session that is over or could not join."""
        user = self._users.get(_id(subscriber))
        if user is not None:
            user.subscribers.pop(subscriber, None)
            if not user.subscribers and user.opening is None:
                self._close(user)

    def _close(self, user: UserChannel) -> None:
        user.closed = True
        del self._users[user.id]
        self._registration.leave(user.id)

    # Healing

    async def see_head(self, subscriber: Subscriber) -> None:
        """Read an unknown head, so that its lane begins there or before: call it before a `sync` reads heads.

        Raises `Unavailable`.
        """
        user = self._users.get(_id(subscriber))
        if user is not None and user.head_unknown and user.start is None:
            user.note_head((await self._lanes.user_heads([user.key]))[user.key])

    async def heads(self) -> dict[str, int]:
        """Return the heads of all lanes here. Raises `Unavailable`."""
        keys = {user.id: user.key for user in self._users.values()}
        heads = await self._lanes.user_heads(keys.values())
        return {user_id: heads[key] for user_id, key in keys.items()}

    def undelivered(self, heads: Mapping[str, int]) -> dict[str, int]:
        """Return those of these heads that this node has not delivered; lanes with an unknown head note theirs."""
        missing = {}
        for key, head in heads.items():
            user = self._users.get(key)
            if user is None or user.opening is not None:
                continue
            user.note_head(head)
            if user.last is None or user.last < head:
                missing[key] = head
        return missing

    def heal(self, key: str, head: int) -> None:
        """Deliver the rows that no push delivered, up to this head; a lane with an unknown head begins now."""
        if (user := self._users.get(key)) is not None:
            user.begin_lane()
            user.goal = max(user.goal, head)
            self._begin(user)

    def _begin(self, user: UserChannel) -> None:
        """Read the missing rows, unless a task does so already or the start is unknown."""
        if user.has_undelivered and not user.healing and not user.closed:
            user.healing = True
            self._spawn(f"channel {user.id}", self._work(user))

    async def _work(self, user: UserChannel) -> None:
        try:
            while user.has_undelivered and not user.closed:
                goal, user.goal = user.goal, 0
                await self._heal(user)
                if user.last is not None and user.last < goal:
                    self._health.count("push_hole")
                    logger.warning("%s goes on at %d, the store has %d", user.id, goal, user.last)
        except Unavailable:
            if not user.closed:
                raise
        finally:
            user.healing = False

    async def _heal(self, user: UserChannel) -> None:
        """Deliver the lane up to its head."""
        read, lanes, generation = self._store_reads.retry, self._lanes, user.generation
        await read(user, lambda: lanes.renew(inbox_rows.MODEL, generation))
        life = lanes.life
        head = (await read(user, lambda: lanes.user_heads([user.key])))[user.key]
        at, healed = user.last or 0, 0
        while at < head and not user.closed:
            page = await read(user, lambda: lanes.user_page(user.key, at, head, PAGE))  # noqa: B023
            if lanes.life != life:  # the rows up to that head may not be there
                self._look_soon()
                break
            for n, frame in page.frames:
                healed += user.deliver(n, frame)
            at = user.last = page.upto
        if healed:
            self._health.count("healed", healed)
            logger.debug("healed the lane of %s up to %d", user.id, head)


def _id(subscriber: Subscriber) -> str:
    return inbox_rows.channel_of(subscriber.tenant, subscriber.user_id)
