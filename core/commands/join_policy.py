"""JoinPolicy checks who may be added to a conversation: by the member limit and the add policy of the node."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from core.domain import add_policy, member_limit
from core.domain.add_policy import AddPolicy
from core.domain.conversation import State
from core.domain.decision import Context
from core.ports.memberships import Memberships
from core.presence_visibility import PresenceVisibility
from schemas.bounds import CONVERSATION_MEMBERS
from schemas.events import ConversationEvent


@dataclass(frozen=True, slots=True)
class JoinPolicy:
    """The settings for adding users: `members` is the maximum in a group, `policy` is whom a user may add."""

    members: int = CONVERSATION_MEMBERS
    policy: AddPolicy = "anyone"

    def check(
        self, before: State, decided: Sequence[ConversationEvent], context: Context, memberships: Memberships
    ) -> None:
        """Check the events of a decision. Raises `Rejected` if they add a user who may not be added."""
        member_limit.check(before, decided, self.members)
        visible = cache(partial(PresenceVisibility, memberships, context.tenant, context.actor))

        def shares(user_id: str) -> bool:
            return user_id in visible()

        add_policy.check(before, decided, context, self.policy, shares)


ANYBODY = JoinPolicy()
