"""MemoryAudit keeps reports in memory, for the tests of a service."""

from .language.wire.audit_report import AuditReport
from .reports import check


class MemoryAudit:
    """The `Audit` port without a log; `reports` are what was recorded, in order, each id once."""

    def __init__(self) -> None:
        self._reports: dict[str, AuditReport] = {}

    @property
    def reports(self) -> list[AuditReport]:
        """What was recorded so far."""
        return list(self._reports.values())

    async def record(self, report: AuditReport) -> str:
        """Keep the report; its record has its own id here."""
        self.put(report)
        return report.id

    def put(self, report: AuditReport) -> None:
        """Keep the report at once."""
        check(report)
        self._reports.setdefault(report.id, report)
