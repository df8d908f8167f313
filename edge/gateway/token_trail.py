"""TokenTrail records the tokens that a gateway issues, and, counted by the minute, what it refuses.

Nobody waits for these records: tokens are issued while the log is down, so that people can read.
"""

from typing import Final

from aiohttp import web

from core.audit.actor_context import agent_of
from core.audit.derived import outcome_of
from edge.http.connection import client_address
from edge.http.problems import CORRELATION_ID, TRACEPARENT, HttpProblem
from schemas.events import AuditRecorded
from schemas.wire.errors import problem
from streams.audit.audit_queue import AuditQueue

ISSUE: Final = "token:issue"
RETRY_MS: Final = 500


class TokenTrail:
    """The trail of one gateway: its tokens are of this tenant, and their actor is the application with this key."""

    def __init__(self, queue: AuditQueue, tenant: str, app_key: str) -> None:
        self.queue = queue
        self._tenant = tenant
        self._app_key = app_key

    def require_open(self) -> None:
        """Raises `HttpProblem` where a token would leave no record, because this process stops."""
        if self.queue.stopped:
            raise HttpProblem(problem("unavailable", "this gateway stops", retry_after_ms=RETRY_MS))

    def issued(self, request: web.Request, user_id: str, *, names: bool) -> None:
        """Record a token; with `names` the user may open conversations for the application."""
        self.queue.put(
            AuditRecorded(
                tenant=self._tenant,
                at="",
                actor=self._app_key,
                actor_type="application",
                action=ISSUE,
                entity_type="user",
                entity_id=user_id,
                outcome="success",
                reason="names" if names else None,
                address=client_address(request),
                agent=agent_of(request.headers.get("User-Agent", "")),
            ),
            request[CORRELATION_ID],
            request[TRACEPARENT],
        )

    def refused(self, request: web.Request, code: str) -> None:
        """Count a request whose key or secret was refused; neither is recorded."""
        self.queue.count(
            AuditRecorded(
                tenant=self._tenant,
                at="",
                actor="",
                actor_type="application",
                action=ISSUE,
                entity_type="user",
                entity_id="",
                outcome=outcome_of(code),
                reason=code,
                address=client_address(request),
            )
        )
