"""The add policy: whom somebody may let into a conversation, by a setting of the nodes.

Like the member limit it is decided and never folded: nodes may be set differently, and the log must mean the same to
all of them.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from core.domain.conversation import State
from core.domain.decision import Context, Rejected
from core.domain.member_limit import LETS_IN
from schemas.events import ConversationEvent

AddPolicy = Literal["anyone", "shared", "applications"]
"""`anyone`: everybody; `shared`: those who are in a conversation with the actor now; `applications`: nobody. Whoever
acts for an application (`Context.names`) lets in everybody, whatever the policy.
"""


class Strangers(Rejected):
    """A no that rests on every conversation of two people."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_allowed", detail)


def check(
    before: State,
    decided: Sequence[ConversationEvent],
    context: Context,
    policy: AddPolicy,
    shares: Callable[[str], bool],
) -> None:
    """Raises `Rejected` where these events let somebody in whom the actor may not let in; `shares` says of a user
    whether they are in a conversation with the actor now.
    """
    if policy == "anyone" or context.names:
        return
    for user in _let_in(before, decided, context.actor):
        if policy == "applications":
            raise Rejected("not_allowed", "here applications alone let people in")
        if not shares(user):
            raise Strangers(f"{user} is in no conversation with you: here nobody lets in strangers")


def _let_in(before: State, decided: Sequence[ConversationEvent], actor: str) -> list[str]:
    """Who is let in by somebody else."""
    named = [user for event in decided if isinstance(event, LETS_IN) for user in event.participants]
    return [user for user in named if user != actor and not (before is not None and before.holds(user))]
