"""The conversation limit is the maximum number of conversations that one user is in, by a setting of the nodes.

A node holds a channel for each conversation of a user who is there: this bounds what one login costs. Like the member
limit it is checked by decisions and never by the fold, and concurrent additions may exceed it. Whoever acts for an
application (`Context.names`) is not limited.
"""

from collections.abc import Callable, Sequence

from core.domain.conversation import State
from core.domain.decision import Context, Rejected
from core.domain.member_limit import added
from schemas.events import ConversationEvent


def counted(before: State, decided: Sequence[ConversationEvent], context: Context, limit: int) -> list[str]:
    """Return the users whose conversations `check` counts."""
    return [] if not limit or context.names else sorted(added(before, decided))


def check(
    before: State, decided: Sequence[ConversationEvent], context: Context, limit: int, count: Callable[[str], int]
) -> None:
    """Check the events of a decision; `count` returns how many conversations a user is in now, a `limit` of 0 is none.
    Raises `Rejected` if they add a user, the actor included, who is in the maximum number.
    """
    for user in counted(before, decided, context, limit):
        if count(user) >= limit:
            who = "you are" if user == context.actor else f"{user} is"
            raise Rejected("conversation_limit", f"{who} in {limit} conversations, the maximum: leave one first")
