"""JoinPolicy checks who may be added to a conversation: by the limits and the add policy of the node."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from core.domain import add_policy, conversation_limit, member_limit
from core.domain.add_policy import AddPolicy
from core.domain.conversation import State
from core.domain.decision import Context
from core.ports.memberships import Memberships
from core.presence_visibility import PresenceVisibility
from schemas.bounds import CONVERSATION_MEMBERS, USER_CONVERSATIONS
from schemas.events import ConversationEvent


@dataclass(frozen=True, slots=True)
class JoinPolicy:
    """The settings for adding users: the maximum number of members in a group and of `conversations` of one user (0: no
    limit), and whom a user may add.
    """

    members: int = CONVERSATION_MEMBERS
    policy: AddPolicy = "anyone"
    conversations: int = USER_CONVERSATIONS

    async def check(
        self, before: State, decided: Sequence[ConversationEvent], context: Context, memberships: Memberships
    ) -> None:
        """Check the events of a decision. Raises `Rejected` if they add a user who may not be added, `Unavailable` and
        `NotReady`.
        """
        member_limit.check(before, decided, self.members)
        users = conversation_limit.counted(before, decided, context, self.conversations)
        counts = await memberships.counts_of_users(context.tenant, users)
        conversation_limit.check(before, decided, context, self.conversations, counts.__getitem__)
        visible = cache(partial(PresenceVisibility, memberships, context.tenant, context.actor))

        def shares(user_id: str) -> bool:
            return user_id in visible()

        add_policy.check(before, decided, context, self.policy, shares)


ANYBODY = JoinPolicy()
