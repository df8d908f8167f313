"""The dependencies of a decision: the views that must have read up to the log's end before it is final.

They are needed for a rejection, a "changes nothing", and an event that sets from which message on a user reads.
"""

from typing import Final, NamedTuple

from core.commands.command_ids import AppendingCommand, conversation_of
from core.domain.add_policy import Strangers
from core.domain.decision import Context, Rejected
from core.domain.naming import BlankName
from schemas.commands.conversation import (
    AddParticipants,
    CreateConversation,
    LeaveConversation,
    PinMessage,
    RemoveParticipants,
)
from schemas.commands.inbox import InboxCommand, PinConversation
from schemas.commands.message import (
    AddReaction,
    DeleteMessage,
    EditMessage,
    ForwardMessage,
    MessageCommand,
    RemoveReaction,
    SendMessage,
)
from schemas.events import Event, ParticipantsAdded, ParticipantsRemoved
from schemas.events.inbox import ConversationArchived

MEMBERSHIP: Final = "membership"
MESSAGES: Final = "messages"
REACTIONS: Final = "reactions"
NUMBERS: Final = "numbers"
INBOX: Final = "inbox"
NEEDS_HEAD: Final = (CreateConversation, AddParticipants, RemoveParticipants, LeaveConversation)
"""Commands whose event may set a bound of what a user reads."""
SETS_READ_BOUNDS: Final = (ParticipantsAdded, ParticipantsRemoved)
"""Events that set from which, or up to which, message a user reads."""
DEPENDS_ON_MEMBERSHIP: Final = frozenset(
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
    """A view, and its key: a conversation, or None for all; for `INBOX`, a user."""

    view: str
    key: str | None


def of_rejection(command: AppendingCommand, rejection: Rejected, context: Context) -> list[Dependency]:
    """Return the dependencies of a rejection; none if it depends only on facts that cannot change."""
    if isinstance(rejection, Strangers) or rejection.code == "conversation_limit":
        return [Dependency(MEMBERSHIP, None)]
    where = conversation_of(command, context)
    if isinstance(rejection, BlankName):
        return [Dependency(MEMBERSHIP, where)]
    if rejection.code == "pin_limit" and isinstance(command, PinConversation):
        return [Dependency(INBOX, context.actor), Dependency(MEMBERSHIP, where)]
    if rejection.code == "message_not_found" and isinstance(command, ForwardMessage):
        where = command.from_conversation_id
    return [Dependency(view, where) for view in _views(command, rejection.code)]


def _views(command: AppendingCommand, code: str) -> tuple[str, ...]:
    match code, command:
        case "message_not_found", SendMessage() | EditMessage():
            return (MESSAGES,)
        case (("message_not_found" | "pin_limit"), _) | ("not_a_participant", DeleteMessage()):
            # the actor may not read it; a pinned one may be deleted; a former member may be its sender
            return MESSAGES, MEMBERSHIP
        case "reaction_limit", _:
            return (REACTIONS,)
        case "not_allowed", ForwardMessage():
            return ()
        case "not_the_author", DeleteMessage():
            return (MEMBERSHIP,)
        case _:
            return (MEMBERSHIP,) if code in DEPENDS_ON_MEMBERSHIP else ()


def of_repeat(command: AppendingCommand, context: Context) -> list[Dependency]:
    """Return the dependencies of any rejection of a retry: what was sent before may be in the log, and its answer is
    the first one.
    """
    where = conversation_of(command, context)
    if isinstance(command, AddReaction | RemoveReaction):
        return [Dependency(REACTIONS, where)]
    return [Dependency(MESSAGES, where)] if isinstance(command, MessageCommand) else []


def of_append(event: Event) -> list[Dependency]:
    """Return the dependencies of an acceptance: the number of the last message if the event sets from which, or up to
    which, message a user reads, or after which message a conversation is archived.
    """
    if isinstance(event, SETS_READ_BOUNDS) or (isinstance(event, ConversationArchived) and event.on):
        return [Dependency(NUMBERS, event.conversation_id)]
    return []


def of_unchanged(command: AppendingCommand, context: Context) -> list[Dependency]:
    """Return the dependencies of "changes nothing". An inbox command is answered so only if it can never matter."""
    where = conversation_of(command, context)
    if isinstance(command, AddReaction | RemoveReaction):
        return [Dependency(REACTIONS, where)]
    if isinstance(command, PinMessage):  # it is pinned, and not deleted
        return [Dependency(MEMBERSHIP, where), Dependency(MESSAGES, where)]
    return [] if isinstance(command, MessageCommand | InboxCommand) else [Dependency(MEMBERSHIP, where)]
