"""The ways in which a report does not become a record."""


class AuditUnavailable(Exception):
    """The audit log could not be reached in time. The report may be in it; recorded again, it is one record."""


class ReportRefused(ValueError):
    """The report is not what one must be. A repeat is refused too."""


class NotAllowed(Exception):
    """This service may not report: its token has expired, or lacks the role `service`."""


class QueueFull(Exception):
    """As many reports wait in memory as may: this one does not wait, and nothing keeps it."""
