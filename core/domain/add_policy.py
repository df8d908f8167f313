"""The add policy limits whom a user may add to a conversation, by a setting of the nodes.

Like the member limit it is decided and never folded: nodes may be set differently, and the log must mean the same to
all of them.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from core.domain.conversation import State
from core.domain.decision import Context, Rejected
from core.domain.member_limit import added
from schemas.events import ConversationEvent

AddPolicy = Literal["anyone", "shared", "applications"]
"""`anyone`: all users; `shared`: users who share a conversation with the actor now; `applications`: none. An actor for
an application (`Context.names`) may add all users, whatever the policy.
"""


class Strangers(Rejected):
    """A rejection that depends on every conversation of two users."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_allowed", detail)


def check(
    before: State,
    decided: Sequence[ConversationEvent],
    context: Context,
    policy: AddPolicy,
    shares: Callable[[str], bool],
) -> None:
    """Check the events of a decision. Raises `Rejected` if they add a user whom the actor may not add; `shares` returns
    whether a user is in a conversation with the actor now.
    """
    if policy == "anyone" or context.names:
        return
    for user in added(before, decided):
        if user == context.actor:
            continue
        if policy == "applications":
            raise Rejected("not_allowed", "only applications add users here")
        if not shares(user):
            raise Strangers(f"{user} shares no conversation with you: strangers cannot be added here")
