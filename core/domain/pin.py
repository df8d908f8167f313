"""Pins: messages that a conversation keeps in sight for everyone who is in it."""

from core.domain import message
from core.domain.conversation import PINS, Conversation
from core.domain.decision import Context, Rejected
from schemas.commands import PinMessage, UnpinMessage
from schemas.events import ConversationEvent, MessagePinned, MessageUnpinned


def put(
    conversation: Conversation, about: message.State, command: PinMessage, context: Context
) -> list[ConversationEvent]:
    """Pin a message that is there for the actor to read. Raises `Rejected`; to pin it again changes nothing."""
    if command.message_id in conversation.pins:
        return []
    message.readable(about, command.message_id, conversation, context)
    if isinstance(about, message.Deleted):
        raise Rejected("message_not_found", f"message {command.message_id} was deleted")
    if len(conversation.pins) >= PINS:
        raise Rejected("pin_limit", f"a conversation takes {PINS} pins")
    return [
        MessagePinned(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            actor=context.actor,
            message_id=command.message_id,
        )
    ]


def take(conversation: Conversation, command: UnpinMessage, context: Context) -> list[ConversationEvent]:
    """Unpin a message; one that is not pinned changes nothing."""
    if command.message_id not in conversation.pins:
        return []
    return [
        MessageUnpinned(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            actor=context.actor,
            message_id=command.message_id,
        )
    ]
