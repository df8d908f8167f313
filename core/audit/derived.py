"""Derives the audit record of an event: what its actor did, to what, and how it ended; never its content."""

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from core.audit.actor_context import context_of
from core.audit.change_hashes import after_of, before_of
from core.audit.classification import classification_of
from core.commands.causing_command import CommandEvent, command_of
from core.domain.decision import Context
from schemas import topics
from schemas.envelope import Envelope
from schemas.events import (
    TYPE_OF,
    AuditRecorded,
    ConversationCreated,
    Event,
    MessageDelivered,
    MessageRejected,
    ParticipantsAdded,
    ParticipantsRemoved,
    RolesChanged,
    UserActed,
)
from schemas.events.audit import Outcome
from schemas.wire.errors import ERRORS

AUDITED: Final = (
    topics.MESSAGE_SENT,
    topics.MESSAGE_EDITED,
    topics.MESSAGE_DELETED,
    topics.MESSAGE_REJECTED,
    topics.CONVERSATION_UPDATED,
    topics.USER_ACTION,
)
"""The topics that have what came of commands."""
KIND: Final = "audit"
"""The kind from which the id of a derived record comes (`schemas.ids.effect_id`)."""
DENIED: Final = frozenset({401, 403})
"""The statuses of the error codes by which an actor is not allowed to do something."""
_OTHERS: Final = frozenset(TYPE_OF[event].rpartition(".")[0] for event in (UserActed, AuditRecorded, MessageDelivered))
About = tuple[str | None, str | None]
"""A message and a conversation, each None where there is none."""
UNREADABLE: Final = "unreadable"
"""The reason in the record of an event whose body cannot be read: it was accepted, and is in the log."""


def audited(envelope: Envelope, event: Event | None) -> AuditRecorded | None:
    """Return the audit record of an event that a command appended, None for another one's. `event` is None if its body
    cannot be read.
    """
    if isinstance(event, MessageRejected):
        about = (event.message_id, event.conversation_id)
        return _record(envelope, event.command, about, outcome_of(event.code), event.code)
    if isinstance(event, CommandEvent):
        about = (getattr(event, "message_id", None), event.conversation_id)
        found = _record(envelope, command_of(event), about)
        return structs.replace(
            found,
            subjects=[user for user in _subjects(event) if user != envelope.actor] or None,
            before=before_of(event),
            after=after_of(event),
        )
    return None if event is not None else _record(envelope, envelope.type, (None, None), reason=UNREADABLE)


def _subjects(event: Event) -> Iterable[str]:
    """Return the users that a command names."""
    match event:
        case ConversationCreated() | ParticipantsAdded() | ParticipantsRemoved():
            return event.participants
        case RolesChanged():
            return event.roles
    return ()


def is_audited(event_type: str) -> bool:
    """Return whether events of this type, in any version, come from commands."""
    return event_type.rpartition(".")[0] not in _OTHERS


def outcome_of(code: str) -> Outcome:
    """Return the outcome of what was answered with this error code."""
    return "denied" if code in ERRORS and ERRORS[code].status in DENIED else "failure"


def accepted(action: str, about: About, reason: str, context: Context) -> AuditRecorded:
    """Return the record of a command that was accepted and appends no event, for this reason."""
    return _about(
        AuditRecorded(
            tenant=context.tenant,
            at=context.at,
            actor=context.actor,
            action=action,
            entity_type="conversation",
            entity_id="",
            outcome="success",
            reason=reason,
        ),
        about,
        context.actor_context,
    )


def _record(
    envelope: Envelope, action: str, about: About, outcome: Outcome = "success", reason: str | None = None
) -> AuditRecorded:
    return _about(
        AuditRecorded(
            tenant=envelope.tenant,
            at=envelope.time,
            actor=envelope.actor,
            action=action,
            entity_type="event",
            entity_id=envelope.id,
            outcome=outcome,
            reason=reason,
        ),
        about,
        envelope.actor_context,
    )


def _about(record: AuditRecorded, about: About, actor_context: str) -> AuditRecorded:
    """Return the record with what it is about, and the context of its actor."""
    message_id, conversation_id = about
    entity = (record.entity_type, record.entity_id)
    if message_id is not None:
        entity = ("message", message_id)
    elif conversation_id is not None:
        entity = ("conversation", conversation_id)
    context = context_of(actor_context)
    return structs.replace(
        record,
        entity_type=entity[0],
        entity_id=entity[1],
        conversation_id=conversation_id,
        session=context.session,
        address=context.address,
        agent=context.agent,
        classification=classification_of(record.action),
    )
