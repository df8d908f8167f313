"""The member limit: how many people are in a group at one time, by a setting of the nodes.

It is decided and never folded: nodes may be set differently, and the log must mean the same to all of them. So two who
let people in at the same moment may exceed it together, by what the second of them adds.
"""

from collections.abc import Sequence
from typing import Final

from core.domain.conversation import Conversation, State, evolve
from core.domain.decision import Rejected
from schemas.events import ConversationCreated, ConversationEvent, ParticipantsAdded

LETS_IN: Final = (ConversationCreated, ParticipantsAdded)


def check(before: State, decided: Sequence[ConversationEvent], limit: int) -> None:
    """Raises `Rejected` where these events let somebody into a group that then has more members than `limit`."""
    if not any(isinstance(event, LETS_IN) for event in decided):
        return
    was, state = present(before), before
    for event in decided:
        state = evolve(state, event)
    if state is not None and state.kind == "group" and (now := present(state)) > max(was, limit):
        raise Rejected("member_limit", f"the group would have {now} members, at most {limit} are taken")


def present(state: Conversation | None) -> int:
    """How many are in a conversation now."""
    return 0 if state is None else sum(member.present for member in state.members.values())
