"""The records of commands that append no event of their own: what was rejected, and what changed nothing."""

from typing import Final

from core.audit.derived import KIND, accepted
from core.commands.command_ids import AppendingCommand, ConversationSignal, conversation_of, event_id_of, named_by
from core.domain.decision import Context, Rejected
from schemas import envelope, ids
from schemas.commands import NAME_OF
from schemas.commands.message import ForwardMessage, SendMessage
from schemas.envelope import Record
from schemas.events import AuditRecorded, MessageRejected

UNCHANGED: Final = "unchanged"
REPEATED: Final = "repeated"
"""The reason of a command that was sent again and changes nothing now: it may have changed something before."""


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


def unchanged_record(source: str, command: AppendingCommand, context: Context, *, retry: bool) -> Record:
    """Return the audit record of a command that was accepted and changes nothing.

    That of a `retry` has the id of the record that derives from the command's event: what was asked before may have
    appended that, and both are one record then.
    """
    name, reason = NAME_OF[type(command)], REPEATED if retry else UNCHANGED
    sends = isinstance(command, SendMessage | ForwardMessage)
    about = None if sends else named_by(command), conversation_of(command, context)
    derived = ids.effect_id(event_id_of(command, context), KIND) if retry else None
    return _record(source, accepted(name, about, reason, context), reason, context, derived)


def _record(
    source: str, event: MessageRejected | AuditRecorded, outcome: str, context: Context, event_id: str | None = None
) -> Record:
    command = event.command if isinstance(event, MessageRejected) else event.action
    return envelope.encode(
        event,
        event_id=event_id or ids.derive(context.tenant, context.correlation_id, context.actor, command, outcome),
        source=source,
        correlation_id=context.correlation_id,
        actor=context.actor,
        actor_context=context.actor_context,
        cause=context.traceparent,
    )
