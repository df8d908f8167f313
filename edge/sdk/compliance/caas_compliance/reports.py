"""Makes and checks reports, as the audit log takes them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from .errors import ReportRefused
from .language.audit_terms import Classification, Outcome
from .language.wire.audit_report import AuditReport

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AuditReport)


def new_report(
    action: str, entity: tuple[str, str], outcome: Outcome, classification: Classification, **more: Any
) -> AuditReport:
    """Return a report of now, with an id of its own; `entity` is the type and the id of what it was done to, `more` are
    other fields of `AuditReport`. Raises `ReportRefused`.
    """
    entity_type, entity_id = entity
    fields: dict[str, Any] = {"id": str(uuid4()), "occurred_at": datetime.now(UTC), **more}
    report = AuditReport(
        action=action,
        entity_type=entity_type,
        entity_id=entity_id,
        outcome=outcome,
        classification=classification,
        **fields,
    )
    check(report)
    return report


def check(report: AuditReport) -> None:
    """Raise `ReportRefused` for a report with a field that is not what it must be."""
    try:
        _decoder.decode(_encoder.encode(report))
    except (msgspec.MsgspecError, TypeError, UnicodeError) as error:
        raise ReportRefused(str(error)) from None
