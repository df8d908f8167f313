"""Audit writes the audit records of what appends no event, such as queries of the audit log itself."""

from typing import Protocol

from schemas.events import AuditRecorded


class Audit(Protocol):
    """The audit log, as every service writes to it. Record before you answer: what has no record did not happen."""

    def now(self) -> str:
        """Return the time for `AuditRecorded.at`."""
        ...

    async def record(
        self, record: AuditRecorded, correlation_id: str, record_id: str | None = None, cause: str = ""
    ) -> None:
        """Return when the record is durable; `cause` is the trace context that it continues. Raises `Unavailable`, and
        `OutcomeUnknown` where it may be in the log: with an id of its own it may be recorded again, and counts once.
        """
        ...
