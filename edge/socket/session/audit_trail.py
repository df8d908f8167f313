"""AuditTrail records what its node's users do without an event: logins, and, counted by the minute, refused logins,
frames that are no command, requests beyond a quota, and signals such as typing.

None of it waits for its record: while the log is down people still read. Records wait in memory until the log takes
them; a node that ends in an outage loses those, and counts that are younger than a minute.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import structs

from core.audit.actor_context import context_of
from core.audit.derived import outcome_of
from core.health import Health
from core.ports.audit import Audit
from core.retry import retry_until_available
from edge.socket.session.client_session import ClientSession
from schemas.events import AuditRecorded

LOGIN: Final = "auth:login"
FRAME: Final = "frame:refused"
INTERVAL_S: Final = 60.0
"""Time between the records of what is counted, in seconds."""
MAX_KINDS: Final = 10_000
"""Maximum number of kinds that are counted apart; beyond it those of all users count as one."""
APPENDED_AT_ONCE: Final = 100
"""Maximum number of records that are appended concurrently."""
WAITS_FOR: Final = "audit trail"


class AuditTrail:
    """The trail of one node. `tenant` is that of logins whose token names none."""

    def __init__(self, audit: Audit, health: Health, tenant: str, new_id: Callable[[], str]) -> None:
        self._audit = audit
        self._health = health
        self._tenant = tenant
        self._new_id = new_id
        self._counts: Counter[AuditRecorded] = Counter()
        self._waiting: asyncio.Queue[AuditRecorded] = asyncio.Queue()

    def login(self, client: ClientSession) -> None:
        """Record that a user has logged in."""
        self._waiting.put_nowait(structs.replace(_record(client, LOGIN), at=self._audit.now()))

    def login_refused(self, code: str, address: str) -> None:
        """Count a login with credentials that were refused."""
        self._count(
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
        self._count(structs.replace(_record(client, action), outcome=outcome_of(code), reason=code))

    def malformed(self, client: ClientSession) -> None:
        """Count a frame that is no command."""
        self._count(structs.replace(_record(client, FRAME), outcome="failure"))

    def signal(self, client: ClientSession, action: str) -> None:
        """Count a signal."""
        self._count(_record(client, action))

    def _count(self, kind: AuditRecorded) -> None:
        if kind not in self._counts and len(self._counts) >= MAX_KINDS:
            kind = structs.replace(kind, actor="", entity_id="", session=None, address=None, agent=None)
        self._counts[kind] += 1

    async def follow(self) -> None:
        """Append records until cancelled: logins at once, counts every minute."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._append(), name="audit-append")
            tasks.create_task(self._count_regularly(), name="audit-counts")

    async def stop(self) -> None:
        """Append what waits and what is counted; call it when `follow` has ended. Gives up when the log is down."""
        self._collect()
        records = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        await asyncio.gather(*(self._audit.record(one, self._new_id()) for one in records), return_exceptions=True)

    async def _append(self) -> None:
        while True:
            records = [await self._waiting.get()]
            while len(records) < APPENDED_AT_ONCE and not self._waiting.empty():
                records.append(self._waiting.get_nowait())
            appends = [partial(self._audit.record, record, self._new_id()) for record in records]
            await asyncio.gather(*(retry_until_available(WAITS_FOR, append, self._health) for append in appends))

    async def _count_regularly(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self._collect()

    def _collect(self) -> None:
        """Let what was counted wait for its record."""
        now, counts = self._audit.now(), self._counts
        self._counts = Counter()
        for kind, count in counts.items():
            self._waiting.put_nowait(structs.replace(kind, at=now, count=count))


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
