"""The records of commands that append no event of their own: what was rejected, and what changed nothing."""

from typing import Final

from core.audit.derived import accepted
from core.commands.command_ids import AppendingCommand, ConversationSignal, conversation_of, named_by
from core.domain.decision import Context, Rejected
from schemas import envelope, ids
from schemas.commands import NAME_OF
from schemas.commands.message import ForwardMessage, SendMessage
from schemas.envelope import Record
from schemas.events import AuditRecorded, MessageRejected

UNCHANGED: Final = "unchanged"


def rejection_record(
    source: str, command: AppendingCommand | ConversationSignal, rejection: Rejected, context: Context
) -> Record:
    """Return the record of a rejection: the user, the command and the error code, no content."""
    sends = isinstance(command, SendMessage | ForwardMessage)
    event = MessageRejected(
        tenant=context.tenant,
        at=context.at,
        user_id=context.actor,
        command=NAME_OF[type(command)],
        code=rejection.code,
        conversation_id=conversation_of(command, context),
        message_id=None if sends else named_by(command),
    )
    return _record(source, event, rejection.code, context)


def unchanged_record(source: str, command: AppendingCommand, context: Context) -> Record:
    """Return the audit record of a command that was accepted and changes nothing."""
    sends = isinstance(command, SendMessage | ForwardMessage)
    about = None if sends else named_by(command), conversation_of(command, context)
    return _record(source, accepted(NAME_OF[type(command)], about, UNCHANGED, context), UNCHANGED, context)


def _record(source: str, event: MessageRejected | AuditRecorded, outcome: str, context: Context) -> Record:
    command = event.command if isinstance(event, MessageRejected) else event.action
    return envelope.encode(
        event,
        event_id=ids.derive(context.tenant, context.correlation_id, context.actor, command, outcome),
        source=source,
        correlation_id=context.correlation_id,
        actor=context.actor,
        actor_context=context.actor_context,
    )
