"""Every form of query and count of the audit log gives what a look at all records gives, by declared indexes alone."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from core.ports.documents import Documents, Table, TableGeneration
from edge.tools.bench.audit_queries import Query, Questions, fill
from edge.tools.bench.audit_trail import AuditTrail
from projections.audit import audit_rows
from projections.queries.audit_records import AuditRecords
from projections.queries.audit_sums import AuditSums
from schemas.wire.audit import AuditCountQuery, AuditQuery
from streams.log.memory import MemoryLog

Used = set[tuple[Table, str]]
Numbered = tuple[int, dict[str, Any]]
QUERIES = 2
"""Number of queries of each form."""


class Indexed:
    """A store that notes which indexes are read, and has no other way to rows but their ids."""

    def __init__(self, inner: Documents) -> None:
        self._inner = inner
        self.used: Used = set()

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> Any:
        return await self._inner.get(place, ids)

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> Any:
        return await self._inner.facets(place, ids, index)

    async def find(self, place: TableGeneration, index: str, equals: Any, **more: Any) -> Any:
        self.used.add((place.table, index))
        return await self._inner.find(place, index, equals, **more)


class OneGeneration:
    """Generations of which one is live."""

    def __init__(self, generation: int) -> None:
        self._generation = generation

    def live(self, model: str) -> int:
        return self._generation


async def check_forms(documents: Documents, tenant: str, generation: int, count: int) -> Used:
    """Fill this generation with `count` records, and check the answers to each form. Return the indexes that were
    read.
    """
    await fill(documents, AuditTrail(tenant, count), generation)
    facts = [fact for batch in AuditTrail(tenant, count).batches(generation) for fact in batch.facts]
    records = [(n, audit_rows.record_of(fact)) for n, fact in enumerate(facts, 1)]
    indexed, generations = Indexed(documents), OneGeneration(generation)
    found, sums = AuditRecords(indexed, generations, MemoryLog()), AuditSums(indexed, generations)
    asked = 0
    async for form, queries in Questions(documents, generation, tenant, count).forms(QUERIES):
        for query in queries:
            if isinstance(query, AuditQuery):
                assert await ids(found, tenant, query) == expected(records, query), form
            else:
                counts = (await sums.counts(tenant, query)).counts
                assert [msgspec.to_builtins(one) for one in counts] == counted(records, query), form
            asked += 1
    assert asked > 30 * QUERIES
    return indexed.used


async def ids(found: AuditRecords, tenant: str, query: Query) -> list[str]:
    """Return the ids of all pages."""
    query = msgspec.structs.replace(query, limit=1000)
    got = list[str]()
    while True:
        page = await found.page(tenant, query)
        got += [one.record["id"] for one in page.records]
        if page.after is None:
            return got
        query = msgspec.structs.replace(query, after=page.after)


def expected(records: list[Numbered], query: AuditQuery) -> list[str]:
    """Return the ids of the records that a query is for, in its order."""
    matching = [one for one in records if matches(one[1], query)]
    ordered = sorted(matching, key=lambda one: (at(one[1]), one[0]), reverse=query.order == "newest")
    return [record["id"] for _, record in ordered]


def matches(record: dict[str, Any], query: AuditQuery) -> bool:
    entity = record["entity"]
    values = {
        "id": record["id"],
        "actor": record["actor"]["id"],
        "action": record["action"],
        "outcome": record["outcome"],
        "entity": f"{entity['type']}:{entity['id']}",
        "conversation_id": entity["conversation_id"],
        "correlation_id": record["correlation_id"],
    }
    concerned = query.subject in {None, record["actor"]["id"], *record["subjects"]}
    within = (query.begin is None or query.begin <= at(record)) and (query.end is None or at(record) < query.end)
    return concerned and within and all(getattr(query, name) in {None, value} for name, value in values.items())


def counted(records: list[Numbered], query: AuditCountQuery) -> list[dict[str, Any]]:
    """Return the counts that a query is for, sorted by the values of its fields."""
    counts, numbers = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    fields = query.by.split(",")
    for _, record in records:
        day = at(record).date()
        values = {name: record[name] for name in ("action", "outcome")}
        values |= {"actor": record["actor"]["id"], "day": day.isoformat()}
        wanted = all(getattr(query, name) in {None, values[name]} for name in ("actor", "action", "outcome"))
        if wanted and (query.begin is None or query.begin <= day) and (query.end is None or day < query.end):
            key = tuple(values[name] for name in fields)
            counts[key] += record["count"]
            numbers[key] += 1
    return [
        {**dict(zip(fields, key, strict=True)), "count": counts[key], "records": numbers[key]} for key in sorted(counts)
    ]


def at(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["occurred_at"])
