"""The audit log from another service's side: what it does is recorded durably, once, or it hears that it is not."""

from .errors import AuditUnavailable, NotAllowed, QueueFull, ReportRefused
from .http_audit import HttpAudit
from .language.audit_terms import ActorType, Classification, Outcome
from .language.wire.audit_report import AuditReport
from .memory_audit import MemoryAudit
from .port import Audit
from .reports import new_report

__all__ = [
    "ActorType",
    "Audit",
    "AuditReport",
    "AuditUnavailable",
    "Classification",
    "HttpAudit",
    "MemoryAudit",
    "NotAllowed",
    "Outcome",
    "QueueFull",
    "ReportRefused",
    "new_report",
]
