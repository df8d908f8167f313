"""What a decision rests on: the views that must have passed the log's end before a no is said, "changes nothing", or
from which message on somebody reads.
"""

from typing import Final, NamedTuple

from core.commands.command_ids import Acting, conversation_of
from core.domain.add_policy import Strangers
from core.domain.decision import Context, Rejected
from core.domain.naming import BlankName
from schemas.commands import (
    AddParticipants,
    AddReaction,
    CreateConversation,
    DeleteMessage,
    EditMessage,
    ForwardMessage,
    LeaveConversation,
    MessageCommand,
    PinMessage,
    RemoveParticipants,
    RemoveReaction,
    SendMessage,
)
from schemas.commands.inbox import InboxCommand, PinConversation
from schemas.events import Event, ParticipantsAdded, ParticipantsRemoved
from schemas.events.inbox import ConversationArchived

MEMBERSHIP: Final = "membership"
MESSAGES: Final = "messages"
REACTIONS: Final = "reactions"
NUMBERS: Final = "numbers"
INBOX: Final = "inbox"
NEEDS_THE_HEAD: Final = (CreateConversation, AddParticipants, RemoveParticipants, LeaveConversation)
"""Commands whose event may set an edge."""
SETS_AN_EDGE: Final = (ParticipantsAdded, ParticipantsRemoved)
"""Events that say from which message on, or up to which, somebody reads."""
RESTS_ON_MEMBERSHIP: Final = frozenset(
    {
        "conversation_not_found",
        "not_a_participant",
        "not_allowed",
        "participant_not_found",
        "last_owner",
        "member_limit",
    }
)


class Dependency(NamedTuple):
    """A view of one conversation, or of all; of `INBOX`, of one user."""

    view: str
    key: str | None


def of_no(command: Acting, no: Rejected, context: Context) -> list[Dependency]:
    """What a no rests on; nothing where it rests on what is known and cannot change."""
    if isinstance(no, Strangers):
        return [Dependency(MEMBERSHIP, None)]
    where = conversation_of(command, context)
    if isinstance(no, BlankName):
        return [Dependency(MEMBERSHIP, where)]
    if no.code == "pin_limit" and isinstance(command, PinConversation):
        return [Dependency(INBOX, context.actor), Dependency(MEMBERSHIP, where)]
    if no.code == "message_not_found" and isinstance(command, ForwardMessage):
        where = command.from_conversation_id
    return [Dependency(view, where) for view in _views(command, no.code)]


def _views(command: Acting, code: str) -> tuple[str, ...]:
    match code, command:
        case "message_not_found", SendMessage() | EditMessage():
            return (MESSAGES,)
        case (("message_not_found" | "pin_limit"), _) | ("not_a_participant", DeleteMessage()):
            # it is not the actor's to read; a pinned one may be deleted; who left may have said it
            return MESSAGES, MEMBERSHIP
        case "reaction_limit", _:
            return (REACTIONS,)
        case "not_allowed", ForwardMessage():
            return ()
        case "not_the_author", DeleteMessage():
            return (MEMBERSHIP,)
        case _:
            return (MEMBERSHIP,) if code in RESTS_ON_MEMBERSHIP else ()


def of_append(event: Event) -> list[Dependency]:
    """What a yes rests on: the number of the last message where the event says from which message on, or up to which,
    somebody reads, or behind which they put a conversation away.
    """
    if isinstance(event, SETS_AN_EDGE) or (isinstance(event, ConversationArchived) and event.on):
        return [Dependency(NUMBERS, event.conversation_id)]
    return []


def of_unchanged(command: Acting, context: Context) -> list[Dependency]:
    """What "changes nothing" rests on. Of an inbox only what can never change anything does."""
    where = conversation_of(command, context)
    if isinstance(command, AddReaction | RemoveReaction):
        return [Dependency(REACTIONS, where)]
    if isinstance(command, PinMessage):  # it is pinned, and not deleted
        return [Dependency(MEMBERSHIP, where), Dependency(MESSAGES, where)]
    return [] if isinstance(command, MessageCommand | InboxCommand) else [Dependency(MEMBERSHIP, where)]
