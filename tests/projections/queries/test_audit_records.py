"""Queries of the audit log: any combination of fields, pages without gaps, the same answer up to the same number."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.domain.decision import Rejected
from core.ports.documents import Changes, Documents, TableGeneration
from projections.audit import audit_rows
from projections.facts import Fact, LaneCounter
from projections.generations import Generations
from projections.queries import audit_records
from projections.queries.audit_records import DERIVING, AuditRecords, index_of
from projections.stores.memory import MemoryDocuments
from projections.stores.sqlite import SqliteDocuments
from schemas.wire.audit import AuditEntry, AuditQuery
from streams.log.memory import MemoryLog
from streams.processors.audit import Audit
from tests.contracts.audit_forms import check_forms
from tests.given import CORRELATION, ROOM, TENANT
from tests.projections.audit.test_audit_rows import fact

ACTIONS = ("message:send", "message:edit", "conversation:create")
OUTCOMES = ("success", "denied", "failure")


@pytest.fixture(params=["memory", "sqlite"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    found = MemoryDocuments() if request.param == "memory" else SqliteDocuments(tmp_path / "documents.sqlite")
    await found.start(Audit.tables)
    await found.prepare([TableGeneration(table, 1) for table in Audit.tables])
    yield found
    await found.stop()


def at(ms: int) -> str:
    return f"2026-11-20T09:30:{ms // 1000:02d}.{ms % 1000:03d}Z"


def some(count: int, begin: int = 0) -> list[Fact]:
    """Facts at random times, many at the same one."""
    chance = random.Random(begin)
    return [
        fact(
            n,
            f"r{n}",
            at=at(chance.randrange(0, 50) * 100),
            actor=chance.choice(("ann", "bob", "cem")),
            action=chance.choice(ACTIONS),
            outcome=chance.choice(OUTCOMES),
            conversation_id=chance.choice(("c1", "c2")),
            subjects=chance.choice((None, None, ["dee"], ["dee", "ann", "dee"])),
        )
        for n in range(begin, begin + count)
    ]


async def save(documents: Documents, facts: Sequence[Fact]) -> None:
    rows, subjects, _, _, heads = (TableGeneration(table, 1) for table in Audit.tables)
    before = await documents.get(heads, [TENANT])
    folded = audit_rows.fold(facts, {}, LaneCounter(before))
    await documents.save(Changes([(rows, folded.rows), (subjects, folded.subjects)], [(heads, folded.heads)]))


def records(documents: Documents) -> AuditRecords:
    return AuditRecords(documents, Generations(documents, (audit_rows.MODEL, DERIVING)), MemoryLog())


async def everything(found: AuditRecords, tenant: str = TENANT, **asked: Any) -> list[AuditEntry]:
    """Return all records of a query, page after page."""
    pages, after = list[AuditEntry](), None
    for _ in range(1000):
        page = await found.page(tenant, query(**asked, after=after))
        assert len(page.records) <= asked.get("limit", 100)
        pages += page.records
        after = page.after
        if after is None:
            return pages
    raise AssertionError("the pages never end")


def query(**asked: Any) -> AuditQuery:
    return msgspec.convert({"purpose": "a test", **{k: v for k, v in asked.items() if v is not None}}, AuditQuery)


def expected(facts: Sequence[Fact], **asked: str) -> list[str]:
    """Return the ids that a plain filter finds, newest first."""
    rows = [(write, write.facets["log"]) for write in audit_rows.fold(facts, {}, LaneCounter({})).rows]
    begin, end = (audit_rows.ms_of(asked[name]) if name in asked else None for name in ("from", "to"))
    hits = [
        (facet["time"], write.id)
        for write, facet in rows
        if all(write.fixed[name] == asked[name] for name in audit_rows.FIELDS if name in asked)
        and asked.get("id", write.id) == write.id
        and ("subject" not in asked or asked["subject"] in {write.fixed["actor"], *facet["record"]["subjects"]})
        and (begin is None or facet["time"] // 10**6 >= begin)
        and (end is None or facet["time"] // 10**6 < end)
    ]
    return [key for _, key in sorted(hits, reverse=True)]


FILTERS: list[dict[str, str]] = [
    {},
    {"actor": "ann"},
    {"action": "message:edit"},
    {"outcome": "denied"},
    {"conversation_id": "c1"},
    {"entity": "message:r7"},
    {"correlation_id": CORRELATION},
    {"correlation_id": ROOM},
    {"actor": "ann", "action": "message:edit"},
    {"actor": "bob", "outcome": "failure"},
    {"actor": "cem", "action": "message:send", "outcome": "denied", "conversation_id": "c2"},
    {"conversation_id": "c2", "outcome": "success"},
    {"from": at(2000)},
    {"to": at(2000)},
    {"from": at(1000), "to": at(3000), "actor": "ann"},
    {"from": at(3000), "to": at(1000)},
    {"actor": "nobody"},
    {"id": "r7"},
    {"id": "r7", "actor": "nobody"},
    {"id": "none"},
    {"subject": "ann"},
    {"subject": "dee"},
    {"subject": "bob", "action": "message:edit"},
    {"subject": "ann", "from": at(1000), "to": at(3000)},
    {"subject": "nobody"},
]


@pytest.mark.parametrize("asked", FILTERS, ids=str)
@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_every_combination_finds_what_a_plain_filter_finds(
    documents: Documents, asked: dict[str, str], limit: int
) -> None:
    facts = some(120)
    await save(documents, facts)
    found = records(documents)
    newest = [one.record["id"] for one in await everything(found, limit=limit, **asked)]
    assert newest == expected(facts, **asked)
    oldest = [one.record["id"] for one in await everything(found, limit=limit, order="oldest", **asked)]
    assert oldest == newest[::-1]
    numbered = await everything(found, limit=limit, order="number", **asked)
    assert [one.n for one in numbered] == sorted(one.n for one in numbered)
    assert {one.record["id"] for one in numbered} == set(newest)


async def test_answer_up_to_a_number_stays_the_same(documents: Documents) -> None:
    await save(documents, some(60))
    found = records(documents)
    first = await found.page(TENANT, query(limit=10))
    assert first.up_to == 60
    whole = await everything(found, up_to=60)
    await save(documents, some(60, begin=60))
    assert await everything(found, up_to=60) == whole
    rest = await everything(found, limit=10, up_to=60)
    assert rest == whole
    pages, after = list(first.records), first.after
    while after is not None:  # the pages of a query that began before are those of its beginning
        page = await found.page(TENANT, query(limit=10, after=after))
        assert page.up_to == 60
        pages, after = [*pages, *page.records], page.after
    assert pages == whole


async def test_cursor_goes_on_however_the_rest_is_asked_for(documents: Documents) -> None:
    await save(documents, some(60))
    found = records(documents)
    first = await found.page(TENANT, query(limit=10, wait=True, proofs=True, purpose="one"))
    second = await found.page(TENANT, query(limit=20, after=first.after, purpose="another"))
    assert [*first.records, *second.records] == (await everything(found))[:30]
    with pytest.raises(Rejected):
        await found.page(TENANT, query(after=first.after, actor="ann"))


async def test_page_reads_a_bounded_number_of_rows(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_records, "MAX_SCANNED", 20)
    monkeypatch.setattr(audit_records, "BATCH_SIZE", 10)
    facts = [fact(n, f"r{n}", at=at(n), outcome="denied" if n == 3 else "success") for n in range(100)]
    await save(documents, facts)
    found = records(documents)
    page = await found.page(TENANT, query(actor="ann", entity=None, outcome="denied", action="message:send"))
    assert (page.records, page.after is not None) == ([], True)
    hits = await everything(found, actor="ann", outcome="denied", action="message:send")
    assert [one.record["id"] for one in hits] == ["r3"]


async def test_tenants_do_not_see_each_other(documents: Documents) -> None:
    await save(documents, [fact(0, "a"), fact(1, "b")])
    assert await everything(records(documents), "umbra") == []
    assert await everything(records(documents), "umbra", id="a") == []
    assert (await records(documents).page("umbra", query())).up_to == 0


async def test_cursor_is_of_one_query(documents: Documents) -> None:
    await save(documents, some(20))
    found = records(documents)
    page = await found.page(TENANT, query(actor="ann", limit=1))
    again = await found.page(TENANT, query(actor="ann", limit=5, after=page.after, purpose="another"))
    assert len(again.records) == 5
    for wrong in ({"actor": "bob"}, {"actor": "ann", "order": "oldest"}, {}):
        with pytest.raises(Rejected):
            await found.page(TENANT, query(**wrong, after=page.after))
    for text in ("", "x", "AAAA", "====", "WzEsMiwiYSJd", "é"):
        with pytest.raises(Rejected):
            await found.page(TENANT, query(after=text))


def test_query_reads_the_index_that_fewest_records_share() -> None:
    assert index_of(TENANT, query()) == ("all", (TENANT,))
    assert index_of(TENANT, query(outcome="denied", actor="ann")) == ("actor", (TENANT, "ann"))
    assert index_of(TENANT, query(action="a", actor="ann")) == ("actor_action", (TENANT, "ann", "a"))
    assert index_of(TENANT, query(action="a", outcome="denied")) == ("action_outcome", (TENANT, "a", "denied"))
    assert index_of(TENANT, query(action="a", outcome="denied", conversation_id="c")) == (
        "conversation_id",
        (TENANT, "c"),
    )
    assert index_of(TENANT, query(action="a", actor="b", entity="c:d")) == ("entity", (TENANT, "c:d"))
    for name in audit_rows.FIELDS:
        value = "denied" if name == "outcome" else "x"
        assert index_of(TENANT, query(**{name: value})) == (name, (TENANT, value))


async def test_entry_names_when_the_log_got_it(documents: Documents) -> None:
    await save(documents, [fact(0, "a"), replace(fact(1, "b"), recorded_ms=0)])
    found = await everything(records(documents), order="oldest")
    assert [(one.n, one.recorded_at) for one in found] == [(1, "1970-01-01T00:00:01.000Z"), (2, None)]


async def test_every_form_of_query_and_count_is_answered_as_by_a_look_at_all_records(documents: Documents) -> None:
    used = await check_forms(documents, TENANT, 1, 2_000)
    declared = {(table, index.name) for table in Audit.tables for index in table.indexes}
    assert used <= declared
    assert {name for table, name in used if table is audit_rows.ROWS} == {one.name for one in audit_rows.ROWS.indexes}


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_records_of_a_far_year_are_paged_like_others(documents: Documents, order: Any) -> None:
    """A service reports any time, and no store has integers above 64 bits."""
    years = ("2026", "2300", "9999", "9999")
    await save(documents, [fact(n, f"r{n}", at=f"{year}-12-31T23:59:59Z") for n, year in enumerate(years)])
    answers = AuditRecords(documents, Generations(documents, (audit_rows.MODEL, DERIVING)), MemoryLog())
    query, found = AuditQuery(purpose="case 4711", order=order, limit=1), list[str]()
    while True:
        page = await answers.page(TENANT, query)
        found += [one.record["id"] for one in page.records]
        if page.after is None:
            break
        query = msgspec.structs.replace(query, after=page.after)
    ordered = ["r0", "r1", "r2", "r3"]
    assert found == (ordered if order == "oldest" else ordered[::-1])
    late = msgspec.convert({"purpose": "late", "from": "9000-01-01T00:00:00Z"}, AuditQuery)
    assert len((await answers.page(TENANT, late)).records) == 3
