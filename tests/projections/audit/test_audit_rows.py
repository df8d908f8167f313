"""Audit records are numbered in the order of the log, in each tenant; a repeat changes nothing, in every cut."""

from typing import Any

import pytest

from core.ports.documents import Row
from core.positions import position
from projections.audit import audit_rows
from projections.audit.audit_rows import LANE, ms_of, time_of
from projections.facts import Fact, LaneCounter
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, AuditRecorded
from schemas.topics import AUDIT_LOG
from tests.given import AT, CORRELATION, ROOM, TENANT


def fact(offset: int, key: str, tenant: str = TENANT, readable: bool = True, at: str = AT, **fields: Any) -> Fact:
    envelope = Envelope(
        id=key,
        type=TYPE_OF[AuditRecorded],
        source="/caas/streams/audit_events",
        time=AT,
        subject=tenant,
        tenant=tenant,
        correlation_id=CORRELATION,
        actor="ann",
        causation_id=f"of {key}",
    )
    about = {"actor": "ann", "action": "message:send", "entity_type": "message", "entity_id": key, "outcome": "success"}
    event = AuditRecorded(tenant=tenant, at=at, **about | fields)
    return Fact(AUDIT_LOG, position(1, offset), envelope, event if readable else None, 1_000)


class Store:
    """Rows and heads, folded batch after batch."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.heads: dict[str, Row] = {}

    def fold(self, *facts: Fact, keep_heads: bool = True) -> "Store":
        folded = audit_rows.fold(facts, self.rows, LaneCounter(self.heads))
        for write in folded.rows:
            assert write.id not in self.rows
            self.rows[write.id] = {"_id": write.id, **write.fixed, **write.facets}
        for write in folded.heads if keep_heads else ():
            self.heads[write.id] = {"_id": write.id, **write.fixed, **write.facets}
        return self

    @property
    def numbers(self) -> dict[str, int]:
        return {key: row[LANE]["n"] for key, row in self.rows.items()}


FACTS = [fact(0, "a"), fact(1, "b"), fact(2, "a"), fact(3, "c", "umbra"), fact(4, "d"), fact(5, "b"), fact(6, "e")]
NUMBERS = {"a": 1, "b": 2, "c": 1, "d": 3, "e": 4}


@pytest.mark.parametrize("cut", range(len(FACTS) + 1))
def test_numbers_are_those_of_the_log_in_every_cut(cut: int) -> None:
    store = Store().fold(*FACTS[:cut]).fold(*FACTS[cut:])
    assert store.numbers == NUMBERS
    whole = Store().fold(*FACTS)
    assert (store.rows, store.heads) == (whole.rows, whole.heads)


@pytest.mark.parametrize("begin", range(len(FACTS) + 1))
def test_records_read_again_change_nothing(begin: int) -> None:
    store = Store().fold(*FACTS)
    rows, heads = dict(store.rows), dict(store.heads)
    store.fold(*FACTS[begin:])
    assert (store.rows, store.heads) == (rows, heads)


@pytest.mark.parametrize("cut", range(len(FACTS) + 1))
def test_rows_that_were_saved_before_their_heads_keep_their_numbers(cut: int) -> None:
    store = Store().fold(*FACTS[:cut], keep_heads=False).fold(*FACTS)
    assert (store.rows, store.heads) == (Store().fold(*FACTS).rows, Store().fold(*FACTS).heads)


def test_row_is_found_by_its_fields() -> None:
    row = Store().fold(fact(0, "a", conversation_id=ROOM, outcome="denied", reason="not_allowed")).rows["a"]
    found = {name: row[name] for name in ("tenant", *audit_rows.FIELDS)}
    assert found == {
        "tenant": TENANT,
        "actor": "ann",
        "action": "message:send",
        "outcome": "denied",
        "entity": "message:a",
        "conversation_id": ROOM,
        "correlation_id": CORRELATION,
    }
    assert row[LANE]["time"] == time_of(AT, 1)
    assert row[LANE]["recorded_ms"] == 1_000


def test_record_has_all_that_the_event_says() -> None:
    context = {"session": "s1", "device": "d1", "address": "192.0.2.7", "agent": "Mozilla"}
    about = {"conversation_id": ROOM, "purpose": "case 4711", "count": 3, "subjects": ["ben"]}
    row = Store().fold(fact(0, "a", **about, **context)).rows["a"]
    assert row[LANE]["record"] == {
        "id": "a",
        "occurred_at": AT,
        "actor": {"type": "user", "id": "ann", **context},
        "action": "message:send",
        "entity": {"type": "message", "id": "a", "conversation_id": ROOM, "tenant": TENANT},
        "outcome": "success",
        "reason": None,
        "purpose": "case 4711",
        "subjects": ["ben"],
        "count": 3,
        "correlation_id": CORRELATION,
        "causation_id": "of a",
    }


def test_record_of_before_its_newer_fields_has_the_leaf_that_it_always_had() -> None:
    context = {"session": "s1", "device": "d1", "address": "192.0.2.7", "agent": "Mozilla"}
    about = {"conversation_id": ROOM, "purpose": "case 4711", "count": 3, "subjects": ["ben"]}
    row = Store().fold(fact(0, "a", **about, **context)).rows["a"]
    assert row[LANE]["leaf"] == "21790f4039b1fd25a72d48844e1cf7af117613cb141fc7e07bd7b772af9f3af7"
    newer = Store().fold(fact(0, "a", **about, **context, classification="content")).rows["a"]
    assert newer[LANE]["leaf"] != row[LANE]["leaf"]
    assert newer[LANE]["record"] == {**row[LANE]["record"], "classification": "content"}


def test_record_has_the_newer_fields_that_its_event_has() -> None:
    fields = {"classification": "content", "before": "00ff", "after": "ff00", "reported_by": "media"}
    record = Store().fold(fact(0, "a", **fields)).rows["a"][LANE]["record"]
    assert {name: record[name] for name in audit_rows.ADDED} == fields


def test_record_that_cannot_be_read_has_a_number() -> None:
    store = Store().fold(fact(0, "a", readable=False), fact(1, "b"))
    assert store.numbers == {"a": 1, "b": 2}
    record = store.rows["a"][LANE]["record"]
    assert (record["action"], record["actor"]["id"], record["entity"]["id"]) == ("unreadable", "ann", "of a")


def test_records_of_one_time_are_in_the_order_of_their_numbers() -> None:
    assert time_of(AT, 1) < time_of(AT, 2) < time_of("2026-11-20T09:30:00.001Z", 1)
    assert time_of("1969-12-31T23:59:59Z", 7) == 7


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "1969-01-01T00:00:00Z", "9" * 400])
def test_text_that_is_no_time_is_1970(text: str) -> None:
    assert ms_of(text) == 0


def test_time_is_utc_whatever_its_offset() -> None:
    same = {"2026-11-20T09:30:00.5Z", "2026-11-20T11:30:00.5+02:00", "2026-11-20T09:30:00.500"}
    assert {ms_of(text) for text in same} == {1_795_167_000_500}


def test_other_users_that_it_was_done_to_have_a_row_each() -> None:
    facts = [fact(0, "a", subjects=["ben", "ann", "cem", "ben"]), fact(1, "a", subjects=["ben"]), fact(2, "b")]
    subjects = audit_rows.fold(facts, {}, LaneCounter({})).subjects
    assert [(one.id, one.fixed, one.facets[LANE]["id"], one.facets[LANE]["n"]) for one in subjects] == [
        (f"a:{user}", {"tenant": TENANT, "subject": user}, "a", 1) for user in ("ben", "cem")
    ]


def test_rows_of_users_follow_a_crash_after_the_record() -> None:
    saved = fact(0, "a", subjects=["ben"])
    first = audit_rows.fold([saved], {}, LaneCounter({}))
    rows = {one.id: {"_id": one.id, **one.fixed, **one.facets} for one in first.rows}
    again = audit_rows.fold([saved], rows, LaneCounter({}))
    assert (again.rows, again.subjects) == ([], first.subjects)
