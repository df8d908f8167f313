"""MembershipFold folds who is in which conversation, from the read model's rows, if any, and the log's records."""

from typing import Final, get_args

from msgspec import structs

from core.domain.conversation import Conversation
from core.domain.member import Member
from core.ports.documents import Row
from projections.conversations import conversation_rows
from projections.conversations.changes import users_of
from schemas.events import ConversationEvent, Role

_ROLES: Final[dict[str, Role]] = {role: role for role in get_args(Role)}


class MembershipFold:
    """Conversations by id, with the ids and the number of the events that led to each.

    A fold that begins with rows equals a fold of the same records: call `row` for every conversation that has one, then
    `change` for every event that these rows, or the records before the first one folded, contain.
    """

    def __init__(self) -> None:
        self._conversations: dict[str, Conversation] = {}
        self._counts: dict[str, int] = {}
        self._folded: dict[str, set[str]] = {}
        self._present: dict[tuple[str, str], set[str]] = {}
        self._past: dict[tuple[str, str], set[str]] = {}

    def get(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, if it has begun."""
        return self._conversations.get(conversation_id)

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return every conversation the user was ever in."""
        return self.present_of_user(tenant, user_id).union(self._past.get((tenant, user_id), ()))

    def present_of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return every conversation the user is a member of now."""
        return frozenset(self._present.get((tenant, user_id), ()))

    def count_of_user(self, tenant: str, user_id: str) -> int:
        """Return how many conversations the user is a member of now."""
        return len(self._present.get((tenant, user_id), ()))

    def count(self, conversation_id: str) -> int:
        """Return how many events were folded, including unreadable ones and those before the creation."""
        return self._counts.get(conversation_id, 0)

    def event(self, event_id: str, key: str, event: ConversationEvent | None) -> Conversation | None:
        """Fold one event, None for an unreadable one, and return the state after it: None before the creation, and for
        an event that was folded before.
        """
        folded = self._folded.setdefault(key, set())
        if event_id in folded:
            return None
        folded.add(event_id)
        self._counts[key] = n = self._counts.get(key, 0) + 1
        state = conversation_rows.counted(self._conversations.get(key), event, n)
        if state is None:
            return None
        self._conversations[key] = state
        for user in users_of(event):
            if user in state.members:
                self._index(user, state)
        return state

    def row(self, row: Row) -> None:
        """Begin a conversation with its row in `conversations`."""
        key, state = row["_id"], _lean(conversation_rows.state_of(row))
        self._conversations[key] = state
        self._counts[key] = state.n
        for user in state.members:
            self._index(user, state)

    def change(self, key: str, event_id: str, n: int) -> None:
        """Record that the `n`-th event of a conversation is already folded."""
        self._folded.setdefault(key, set()).add(event_id)
        self._counts[key] = max(n, self._counts.get(key, 0))

    def _index(self, user: str, state: Conversation) -> None:
        """Index a conversation under a user who is or was in it."""
        present = state.is_member(user)
        under, other = (self._present, self._past) if present else (self._past, self._present)
        under.setdefault((state.tenant, user), set()).add(state.conversation_id)
        other.get((state.tenant, user), set()).discard(state.conversation_id)


def _lean(state: Conversation) -> Conversation:
    """Return the state without a copy of each role for each member: rows come from JSON, which shares no values."""
    members = {user: Member(_ROLES[member.role], member.intervals) for user, member in state.members.items()}
    return structs.replace(state, members=members)
