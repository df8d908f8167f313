"""A report is checked before it is sent, so that a wrong one fails where it is made."""

from datetime import UTC, datetime
from typing import Any

import pytest

from caas_compliance import AuditReport, ReportRefused, new_report


def made(**more: Any) -> AuditReport:
    fields: dict[str, Any] = {"action": "media:downloaded", "entity": ("file", "7a7c")}
    return new_report(**{**fields, "outcome": "success", "classification": "content", **more})


def test_report_has_an_id_of_its_own_and_the_time() -> None:
    before, one, other = datetime.now(UTC), made(), made()
    assert one.id != other.id
    assert before <= one.occurred_at <= datetime.now(UTC)
    assert (one.entity_type, one.entity_id, one.actor, one.count) == ("file", "7a7c", None, 1)


def test_id_and_time_can_be_given() -> None:
    key, at = "00000000-0000-4000-8000-000000000001", datetime(2026, 11, 20, tzinfo=UTC)
    found = made(id=key, occurred_at=at, actor="ann", subjects=["ben"])
    assert (found.id, found.occurred_at, found.actor, found.subjects) == (key, at, "ann", ["ben"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "downloaded"},
        {"outcome": "fine"},
        {"classification": "secret"},
        {"id": "1"},
        {"entity": ("File", "1")},
        {"entity": ("file", "")},
        {"occurred_at": datetime(2026, 11, 20)},
        {"count": 0},
        {"reason": "x" * 301},
    ],
)
def test_wrong_report_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ReportRefused):
        made(**wrong)
