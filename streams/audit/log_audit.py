"""LogAudit writes audit records to the topic `audit.log`, for one process."""

from collections.abc import Callable

from msgspec import structs

from core.audit.classification import classification_of
from core.clock import Clock
from core.ports.event_log import EventLog
from schemas import envelope
from schemas.events import AuditRecorded


class LogAudit:
    """The `Audit` port over a log; `source` is the service as `ce_source` has it, `new_id` gives each record its id."""

    def __init__(self, log: EventLog, clock: Clock, source: str, new_id: Callable[[], str]) -> None:
        self._log = log
        self._clock = clock
        self._source = source
        self._new_id = new_id

    def now(self) -> str:
        """Return the time of this process's clock."""
        return self._clock.now()

    async def record(
        self, record: AuditRecorded, correlation_id: str, record_id: str | None = None, cause: str = ""
    ) -> None:
        """Append the record, with what its action concerns; return when it is durable."""
        found = record.classification or classification_of(record.action)
        await self._log.append(
            envelope.encode(
                structs.replace(record, classification=found),
                event_id=record_id or self._new_id(),
                source=self._source,
                correlation_id=correlation_id,
                actor=record.actor,
                cause=cause,
            )
        )
