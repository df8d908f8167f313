"""LoadedConversations folds the conversations that are loaded: those of followed users, and some that were needed."""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Final, get_args

from msgspec import structs

from core.domain.conversation import Conversation
from core.domain.member import Member
from core.ports.memberships import ViewChange
from core.positions import offset_of
from projections.conversations import conversation_rows
from projections.conversations.changes import users_of
from schemas.events import Role
from streams.memberships.recent_records import RecentRecord, UserKey
from streams.memberships.view_reader import SavedConversation

IDLE_SIZE: Final = 200_000
"""Maximum number of members and changes of the conversations that no followed user is in."""
OWN_SIZE: Final = 8
"""The memory of a conversation without members and changes, in members or changes."""
_ROLES: Final[dict[str, Role]] = {role: role for role in get_args(Role)}


class _Loaded:
    """One conversation: its state, the number and the ids of the events that led to it, and those of the changes that
    were loaded before their records were read from the log.
    """

    __slots__ = ("ahead", "count", "folded", "state")

    def __init__(self, saved: SavedConversation, read: int) -> None:
        changes = saved.changes
        self.state = None if saved.row is None else _lean(conversation_rows.state_of(saved.row))
        self.folded = set(changes)
        self.ahead = {key: one for key, one in changes.items() if offset_of(one["pos"]) >= read}
        self.count = max((one["n"] for one in changes.values()), default=0)
        if self.state is not None:
            self.count = max(self.count, self.state.n)

    @property
    def size(self) -> int:
        """The number of members and changes, and as many as the conversation itself counts for."""
        return OWN_SIZE + len(self.folded) + (0 if self.state is None else len(self.state.members))


class LoadedConversations:
    """The loaded conversations by id, and who is in them.

    A conversation that begins with what is saved, and then applies the records that this lacks, equals a fold of all of
    its records.
    """

    def __init__(self) -> None:
        self.idle_size = IDLE_SIZE
        self._loaded: dict[str, _Loaded] = {}
        self._present: dict[UserKey, dict[str, None]] = {}
        self._ever: dict[UserKey, dict[str, None]] = {}
        self._holds: Counter[str] = Counter()
        self._idle: OrderedDict[str, int] = OrderedDict()
        self._idle_size = 0

    def __contains__(self, key: str) -> bool:
        return key in self._loaded

    def __len__(self) -> int:
        return len(self._loaded)

    def get(self, key: str) -> Conversation | None:
        """Return the state of a conversation, if it is loaded and was created."""
        found = self._loaded.get(key)
        return None if found is None else found.state

    def count(self, key: str) -> int:
        """Return how many events were folded, including unreadable ones and those before the creation."""
        found = self._loaded.get(key)
        return 0 if found is None else found.count

    # Fold

    def begin(self, key: str, saved: SavedConversation, read: int) -> None:
        """Begin with what is saved of a conversation; apply the records then that may be missing in it. The first
        record that is not yet reported, or not yet read, is at offset `read`.
        """
        self._loaded[key] = found = _Loaded(saved, read)
        if found.state is not None:
            for user in found.state.members:
                self._index(user, found.state)
        self._settle(key)

    def apply(self, record: RecentRecord) -> ViewChange | None:
        """Apply the next record of a loaded conversation, and return its change: None for a repeat, an unreadable
        event, and before the creation.
        """
        found, event = self._loaded[record.key], record.event
        if record.event_id in found.folded:
            return _ahead(found, record)
        found.folded.add(record.event_id)
        found.count += 1
        state = conversation_rows.counted(found.state, event, found.count)
        if state is None:
            return None
        found.state = state
        named = [user for user in users_of(event) if user in state.members]
        for user in named:
            self._index(user, state)
        self._settle(record.key)
        if event is None:
            return None
        return ViewChange(event, found.count, state, [user for user in named if state.is_member(user)])

    # Users

    def present_of_user(self, user: UserKey) -> frozenset[str]:
        """Return the loaded conversations that the user is a member of now."""
        return frozenset(self._present.get(user, ()))

    def of_user(self, user: UserKey) -> frozenset[str]:
        """Return these, and those that the user was in, as far as they are known: all of a held user."""
        return self.present_of_user(user).union(self._ever.get(user, ()))

    def hold(self, user: UserKey) -> None:
        """Keep the conversations that the user is in, and will be in, loaded from now on."""
        if user not in self._ever:
            self._ever[user] = dict.fromkeys(self._present.get(user, ()))
            for key in self._ever[user]:
                self._holds[key] += 1
                self._settle(key)

    def holds(self, user: UserKey) -> bool:
        """Return whether the user's conversations are kept."""
        return user in self._ever

    def note_ever(self, user: UserKey, keys: Mapping[str, bool]) -> None:
        """Note conversations that a held user is or was in."""
        self._ever[user] |= dict.fromkeys(keys)

    def release(self, user: UserKey) -> None:
        """Keep the user's conversations no longer than memory allows."""
        if self._ever.pop(user, None) is not None:
            for key in list(self._present.get(user, ())):
                self._unhold(key)

    def _index(self, user_id: str, state: Conversation) -> None:
        """Index a conversation under a user who is or was in it."""
        user, key = (state.tenant, user_id), state.conversation_id
        if user in self._ever:
            self._ever[user][key] = None
        if not state.is_member(user_id):
            self._unindex(user, key)
        elif key not in (present := self._present.setdefault(user, {})):
            present[key] = None
            if user in self._ever:
                self._holds[key] += 1

    def _unindex(self, user: UserKey, key: str) -> None:
        present = self._present.get(user, {})
        if key not in present:
            return
        del present[key]
        if not present:
            del self._present[user]
        if user in self._ever:
            self._unhold(key)

    def _unhold(self, key: str) -> None:
        self._holds[key] -= 1
        if not self._holds[key]:
            del self._holds[key]
            self._settle(key)

    # Idle conversations

    def touch(self, key: str) -> None:
        """Note that a conversation was needed now."""
        if key in self._idle:
            self._idle.move_to_end(key)

    def _settle(self, key: str) -> None:
        """Note whether a loaded conversation is idle: nobody holds it."""
        self._idle_size -= self._idle.pop(key, 0)
        if key not in self._holds and key in self._loaded:
            self._idle[key] = self._loaded[key].size
            self._idle_size += self._idle[key]

    def forget_idle(self) -> None:
        """Forget the idle conversations that were not needed for longest, as many as exceed the memory for them."""
        while self._idle_size > self.idle_size:
            key, size = self._idle.popitem(last=False)
            self._idle_size -= size
            found = self._loaded.pop(key)
            for user_id in () if found.state is None else found.state.members:
                self._unindex((found.state.tenant, user_id), key)  # type: ignore[union-attr]


def _ahead(found: _Loaded, record: RecentRecord) -> ViewChange | None:
    """Return the change of a record that was loaded before it was read, None for a repeat."""
    change = found.ahead.get(record.event_id)
    if change is None or offset_of(change["pos"]) != record.offset:
        return None
    del found.ahead[record.event_id]
    if record.event is None or found.state is None:
        return None
    return ViewChange(record.event, change["n"], found.state, [user for user, _ in change.get("roles", ())])


def _lean(state: Conversation) -> Conversation:
    """Return the state without a copy of each role for each member: rows come from JSON, which shares no values."""
    members = {user: Member(_ROLES[member.role], member.intervals) for user, member in state.members.items()}
    return structs.replace(state, members=members)
