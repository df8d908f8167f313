"""Record in the audit log what the caller of a service does, before it is answered or done."""

from typing import Final

from aiohttp import web

from core.audit.actor_context import agent_of
from core.identity import Identity
from core.ports.audit import Audit
from core.ports.event_log import OutcomeUnknown, Unavailable
from edge.http.connection import client_address
from edge.http.problems import CORRELATION_ID, TRACEPARENT, HttpProblem
from schemas.events import AuditRecorded
from schemas.events.audit import ActorType, Outcome
from schemas.wire.errors import problem

RETRY_MS: Final = 500


async def record_request(
    audit: Audit,
    request: web.Request,
    who: Identity,
    *,
    action: str,
    entity: tuple[str, str],
    outcome: Outcome = "success",
    reason: str | None = None,
    purpose: str | None = None,
    actor_type: ActorType = "user",
) -> None:
    """Return when the record is durable; `entity` is the type and the id of what the action is about. Raises
    `HttpProblem`, `unavailable`: without a record nothing may be shown or done.
    """
    entity_type, entity_id = entity
    record = AuditRecorded(
        tenant=who.tenant,
        at=audit.now(),
        actor=who.user_id,
        actor_type=actor_type,
        action=action,
        entity_type=entity_type,
        entity_id=entity_id,
        outcome=outcome,
        reason=reason,
        purpose=purpose,
        address=client_address(request),
        agent=agent_of(request.headers.get("User-Agent", "")),
    )
    try:
        await audit.record(record, request[CORRELATION_ID], cause=request[TRACEPARENT])
    except (Unavailable, OutcomeUnknown) as error:
        raise HttpProblem(problem("unavailable", str(error), retry_after_ms=RETRY_MS)) from None
