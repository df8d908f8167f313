"""Memberships is a node's view of conversations: each is loaded from the read model when needed, then updated from
the log.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.domain.conversation import Conversation
from schemas.events import ConversationEvent


@dataclass(frozen=True, slots=True)
class ViewChange:
    """The `n`-th event of a conversation, as the log has it. `view` is its conversation after it, or newer; `members`
    are those of the users whom the event names who were members after it.
    """

    event: ConversationEvent
    n: int
    view: Conversation
    members: Sequence[str]


OnChange = Callable[[ViewChange], None]


class Memberships(Protocol):
    """The members of conversations, as far as this process has read the log.

    - A user who is followed has all their conversations loaded, and they stay so: `get`, `of_user` and
      `present_of_user` are complete for them. Of other users these have only what happens to be loaded.
    - `fresh` is false while the view is known to be more than 5 s behind: no decision may use it then.
    - What is not loaded is read from the read model: `find`, `find_all`, `follow`, `counts_of_users` and `wait_for`
      raise `Unavailable` while it is down, and `NotReady` while it lacks what it once had. What is loaded does not need
      it.
    - `prove` returns when every record about this conversation (None: about any) that was in the log at the time of the
      call has been read, `pass_by` when the record at a position of its partition has been read; they raise `NotReady`
      after 2 s, `prove` raises `Unavailable` if the log is down.
    """

    def subscribe(self, callback: OnChange) -> Callable[[], None]:
        """Call `callback` after each event of a loaded conversation that is read from the log from now on, and of one
        that names a followed user: once, in the order of its conversation, and before anything else runs. Return what
        ends that; it may be called again.
        """
        ...

    @property
    def fresh(self) -> bool:
        """Whether decisions may use the view."""
        ...

    def get(self, conversation_id: str) -> Conversation | None:
        """Return the conversation if it is loaded."""
        ...

    async def find(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, None if there is none."""
        ...

    async def find_all(self, conversation_ids: Iterable[str]) -> dict[str, Conversation]:
        """Return those of these conversations that there are, in the same order."""
        ...

    async def follow(self, tenant: str, user_id: str) -> None:
        """Load all conversations of a user, and keep them until as many calls of `unfollow`."""
        ...

    def unfollow(self, tenant: str, user_id: str) -> None:
        """Keep a user's conversations no longer than memory allows."""
        ...

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return the conversations that this user has ever been in; not each of the former ones is loaded."""
        ...

    def present_of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return the conversations that this user is a member of now."""
        ...

    async def counts_of_users(self, tenant: str, user_ids: Iterable[str]) -> dict[str, int]:
        """Return how many conversations any users are members of now; a number may be up to a minute old, but never
        older than the last proof of all conversations.
        """
        ...

    async def prove(self, conversation_id: str | None) -> None:
        """Wait until the view has caught up with the log's current end."""
        ...

    async def pass_by(self, conversation_id: str, position: int) -> None:
        """Wait until the view has read the record of the conversation at this position."""
        ...

    async def wait_for(self, conversation_id: str, n: int, timeout_s: float = 1.0) -> bool:
        """Wait until the view of a conversation has change `n`. Return whether it has."""
        ...


class NotReady(Exception):
    """A view did not catch up in time: a rejection cannot be re-checked."""
