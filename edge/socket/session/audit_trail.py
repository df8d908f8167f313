"""AuditTrail records what its node's users do without an event: logins, and, counted by the minute, refused logins,
frames that are no command, requests beyond a quota, and signals such as typing.

None of it waits for its record: while the log is down people still read.
"""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from core.audit.actor_context import context_of
from core.audit.derived import outcome_of
from core.health import Health
from core.ports.audit import Audit
from edge.socket.session.client_session import ClientSession
from schemas.events import AuditRecorded
from streams.audit.audit_queue import AuditQueue

LOGIN: Final = "auth:login"
FRAME: Final = "frame:refused"


class AuditTrail:
    """The trail of one node. `tenant` is that of logins whose token names none."""

    def __init__(self, audit: Audit, health: Health, tenant: str, new_id: Callable[[], str]) -> None:
        self._audit = audit
        self._tenant = tenant
        self._queue = AuditQueue(audit.now, health, new_id)

    def login(self, client: ClientSession) -> None:
        """Record that a user has logged in."""
        origin = client.session.origin
        self._queue.put(_record(client, LOGIN), origin.correlation_id or None, origin.traceparent)

    def login_refused(self, code: str, address: str) -> None:
        """Count a login with credentials that were refused."""
        self._queue.count(
            AuditRecorded(
                tenant=self._tenant,
                at="",
                actor="",
                action=LOGIN,
                entity_type="session",
                entity_id="",
                outcome=outcome_of(code),
                reason=code,
                address=address or None,
            )
        )

    def refused(self, client: ClientSession, action: str, code: str) -> None:
        """Count a request that was refused before it was decided."""
        self._queue.count(structs.replace(_record(client, action), outcome=outcome_of(code), reason=code))

    def malformed(self, client: ClientSession) -> None:
        """Count a frame that is no command."""
        self._queue.count(structs.replace(_record(client, FRAME), outcome="failure"))

    def signal(self, client: ClientSession, action: str) -> None:
        """Count a signal."""
        self._queue.count(_record(client, action))

    async def follow(self) -> None:
        """Append records until cancelled."""
        await self._queue.follow(self._audit)

    async def stop(self) -> None:
        """Append what waits; call it when `follow` has ended. Gives up when the log is down."""
        await self._queue.stop(self._audit)


def _record(client: ClientSession, action: str) -> AuditRecorded:
    who, context = client.identity, context_of(client.actor_context)
    return AuditRecorded(
        tenant=who.tenant,
        at="",
        actor=who.user_id,
        action=action,
        entity_type="session",
        entity_id=client.session.id,
        outcome="success",
        session=client.session.id,
        address=context.address,
        agent=context.agent,
    )
