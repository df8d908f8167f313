"""Pins: messages that a conversation keeps in sight for everyone who is in it.

A message that is deleted is no pin any more. Pins and deletions lie in topics that have no order between them, so the
fold of a conversation knows nothing of deletions: whoever reads the pins, or decides, takes out what is deleted by then
(`shown`), and whoever pins ends those pins in the log (`freed`).
"""

from collections.abc import Collection, Sequence

from core.domain import message
from core.domain.conversation import PINS, Conversation
from core.domain.decision import Context, Rejected
from schemas.commands import PinMessage, UnpinMessage
from schemas.events import ConversationEvent, MessagePinned, MessageUnpinned


def shown(pins: Sequence[str], deleted: Collection[str]) -> list[str]:
    """Those of these pins whose message is not among the deleted ones, in their order."""
    return [pin for pin in pins if pin not in deleted]


def put(
    conversation: Conversation,
    about: message.State,
    command: PinMessage,
    context: Context,
    deleted: Collection[str] = frozenset(),
) -> list[ConversationEvent]:
    """Pin a message that is there for the actor to read; `deleted` has those pinned ones that were deleted.

    Raises `Rejected`; to pin it again changes nothing.
    """
    if command.message_id in conversation.pins and not isinstance(about, message.Deleted):
        return []
    message.readable(about, command.message_id, conversation, context)
    if isinstance(about, message.Deleted):
        raise Rejected("message_not_found", f"message {command.message_id} was deleted")
    if len(shown(conversation.pins, deleted)) >= PINS:
        raise Rejected("pin_limit", f"a conversation takes {PINS} pins")
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
