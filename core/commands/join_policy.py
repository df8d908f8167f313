"""Who may be let into a conversation, by settings of the nodes: so many members, and by the add policy."""

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
    """`members` is the maximum in a group, `policy` says whom one may let in."""

    members: int = CONVERSATION_MEMBERS
    policy: AddPolicy = "anyone"

    def check(
        self, before: State, decided: Sequence[ConversationEvent], context: Context, memberships: Memberships
    ) -> None:
        """Raises `Rejected` where these events let somebody in who may not be."""
        member_limit.check(before, decided, self.members)
        circle = cache(partial(PresenceVisibility, memberships, context.tenant, context.actor))

        def shares(user_id: str) -> bool:
            return user_id in circle()

        add_policy.check(before, decided, context, self.policy, shares)


ANYBODY = JoinPolicy()
