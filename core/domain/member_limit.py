"""The member limit is the maximum number of members of a group, by a setting of the nodes.

It is checked by decisions and never by the fold: nodes may have different settings, and the log must mean the same to
all of them. So two concurrent additions may exceed it together, by what the second one adds.
"""

from collections.abc import Sequence

from core.domain.conversation import Conversation, State, evolve
from core.domain.decision import Rejected
from schemas.events import ConversationCreated, ConversationEvent, ParticipantsAdded


def check(before: State, decided: Sequence[ConversationEvent], limit: int) -> None:
    """Check the events of a decision. Raises `Rejected` if they add members to a group beyond `limit`."""
    if not added(before, decided):
        return
    was, state = present(before), before
    for event in decided:
        state = evolve(state, event)
    if state is not None and state.kind == "group" and (now := present(state)) > max(was, limit):
        raise Rejected("member_limit", f"the group would have {now} members, the maximum is {limit}")


def added(before: State, decided: Sequence[ConversationEvent]) -> list[str]:
    """Return the users whom the events of a decision add, in their order: those who are not members before."""
    adding = (event for event in decided if isinstance(event, ConversationCreated | ParticipantsAdded))
    users = [user for event in adding for user in event.participants]
    return users if before is None else [user for user in users if not before.is_member(user)]


def present(state: Conversation | None) -> int:
    """Return the number of present members."""
    return 0 if state is None else sum(member.present for member in state.members.values())
