"""Audit is the port by which a service reports what it does, whatever is behind it."""

from typing import Protocol

from .language.wire.audit_report import AuditReport


class Audit(Protocol):
    """The audit log. Record before you answer or do it: what has no record did not happen."""

    async def record(self, report: AuditReport) -> str:
        """Return the id of the record when it is durable. A report with the same id again is the same record, whose
        content is the first one's. Raises `AuditUnavailable`, `ReportRefused` and `NotAllowed`.
        """
        ...

    def put(self, report: AuditReport) -> None:
        """Let a report wait in memory that nothing waits for; they are recorded in this order. Raises `QueueFull` and
        `ReportRefused`, and then it does not wait.
        """
        ...
