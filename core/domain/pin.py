"""Pins are messages that a conversation highlights for all its members.

A deleted message is no longer a pin. Pins and deletions are in topics without a common order, so the fold of a
conversation does not know deletions: readers and decisions leave out deleted messages (`shown`), and a new pin removes
their pins in the log (`freed`).
"""

from collections.abc import Collection, Sequence

from core.domain import message
from core.domain.conversation import MAX_PINS, Conversation
from core.domain.decision import Context, Rejected
from schemas.commands.conversation import PinMessage, UnpinMessage
from schemas.events import ConversationEvent, MessagePinned, MessageUnpinned


def shown(pins: Sequence[str], deleted: Collection[str]) -> list[str]:
    """Return the pins whose message is not deleted, in their order."""
    return [pin for pin in pins if pin not in deleted]


def put(
    conversation: Conversation,
    about: message.State,
    command: PinMessage,
    context: Context,
    deleted: Collection[str] = frozenset(),
) -> list[ConversationEvent]:
    """Pin a message that the actor may read; `deleted` has the pinned messages that were deleted.

    Raises `Rejected`; to pin it again changes nothing.
    """
    if command.message_id in conversation.pins and not isinstance(about, message.Deleted):
        return []
    message.readable(about, command.message_id, conversation, context)
    if isinstance(about, message.Deleted):
        raise Rejected("message_not_found", f"message {command.message_id} was deleted")
    if len(shown(conversation.pins, deleted)) >= MAX_PINS:
        raise Rejected("pin_limit", f"a conversation has at most {MAX_PINS} pins")
    return [
        MessagePinned(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            actor=context.actor,
            message_id=command.message_id,
            freed=[pin for pin in conversation.pins if pin in deleted],
        )
    ]


def take(conversation: Conversation, command: UnpinMessage, context: Context) -> list[ConversationEvent]:
    """Unpin a message; nothing changes if it is not pinned."""
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
