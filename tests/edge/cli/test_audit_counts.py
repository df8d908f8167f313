"""Counts are printed in columns."""

from edge.cli.audit_counts import table
from schemas.wire.audit import AuditCount


def test_table_has_a_line_of_names_and_numbers_at_the_right() -> None:
    counts = [
        AuditCount(day="2026-11-20", action="message:send", count=1200, records=1200),
        AuditCount(day="2026-11-21", action="typing:start", count=31, records=2),
    ]
    assert table(["day", "action"], counts).splitlines() == [
        "day         action        count  records",
        "2026-11-20  message:send   1200     1200",
        "2026-11-21  typing:start     31        2",
    ]


def test_table_of_nothing_has_the_names() -> None:
    assert table(["actor"], []) == "actor  count  records\n"
