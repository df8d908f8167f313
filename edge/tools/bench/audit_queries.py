"""Measures queries and counts of the audit log, form by form, in one process.

`python -m edge.tools.bench.audit_queries SPEC` fills the read model `audit` by its own processor, and prints the
result. Each query is of another record of the log, taken at random.
"""

import random
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import uvloop

from core import settings
from core.ports.documents import Documents, Row, TableGeneration
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.tools.bench import spec
from edge.tools.bench.audit_trail import BEGIN, END, AuditTrail
from edge.tools.bench.measure import quantile
from edge.tools.bench.searching import Live
from edge.tools.bench.spec import Audited, AuditForm, Audits
from edge.tools.bench.world import World
from projections.audit import audit_rows
from projections.audit.audit_rows import LANE
from projections.queries.audit_records import AuditRecords
from projections.queries.audit_sums import AuditSums
from schemas.wire.audit import AuditCountQuery, AuditQuery
from streams.processors.audit import Audit

FIELDS: Final = ("actor", "action", "outcome", "entity", "conversation_id", "correlation_id")
COMBINED: Final[Mapping[str, Mapping[str, str]]] = {
    "actor action": {},
    "actor outcome": {"outcome": "denied"},
    "action outcome": {"outcome": "failure"},
    "action conversation_id": {},
    "actor conversation_id": {},
    "conversation_id outcome": {"outcome": "denied"},
    "entity action": {},
    "subject action": {},
    "subject outcome": {"outcome": "failure"},
    "action outcome of few": {"action": "operator:transcript", "outcome": "failure"},
    "actor action outcome of few": {"actor": "person-0", "action": "message:delete", "outcome": "failure"},
    "actor conversation_id of few": {"actor": "person-0", "conversation_id": "room-19999"},
    "action outcome of none": {"action": "message:send", "outcome": "failure", "actor": "person-1999"},
}
"""Combinations of fields: the values are those given, else those of a record."""
DAY: Final = timedelta(days=1)
DEEP: Final = {
    "pages of all": {"order": "newest"},
    "pages of an action": {"order": "oldest", "action": "message:send"},
    "pages of an outcome and an action": {"order": "newest", "outcome": "denied", "action": "message:send"},
    "pages by number": {"order": "number", "limit": "1000"},
}
"""Queries that are read page after page, each page one measurement."""
COUNTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "counts of all days by action": {"by": "action"},
    "counts of all days by day, action and outcome": {"by": "day,action,outcome"},
    "counts of a month by action and day": {"by": "action,day", "days": 30},
    "counts of a week by actor": {"by": "actor", "days": 7},
    "counts of a day by actor and action": {"by": "actor,action", "days": 1},
    "counts of an actor by day and action": {"by": "day,action", "one": True},
}
Query = AuditQuery | AuditCountQuery


class Questions:
    """Queries of each form about the records of one tenant, the same in every run."""

    def __init__(self, documents: Documents, generation: int, tenant: str, records: int) -> None:
        self._documents = documents
        self._place = TableGeneration(audit_rows.ROWS, generation)
        self._tenant = tenant
        self._records = records
        self._chance = random.Random(11)  # noqa: S311 - to measure with

    async def forms(self, queries: int) -> AsyncIterator[tuple[str, list[Query]]]:
        """Yield each form with its queries."""
        samples = [await self._sample() for _ in range(queries)]
        for order in ("newest", "oldest"):
            yield order, [_query(order=order) for _ in samples]
            for name in (*FIELDS, "subject"):
                yield f"{name}, {order}", [_query(order=order, **_values(row, [name])) for row in samples]
        yield "id", [_query(id=row["_id"]) for row in samples]
        for name, given in COMBINED.items():
            fields = [field for field in name.partition(" of ")[0].split() if field not in given]
            yield name, [_query(**_values(row, fields), **given) for row in samples]
        for name in ("time", "actor", "outcome"):
            fields = [] if name == "time" else [name]
            label = name if name == "time" else f"{name} and time"
            yield label, [_query(**_values(row, fields), **_one_day(row)) for row in samples]
        for name, about in COUNTED.items():
            yield name, [self._count(row, **about) for row in samples]

    async def _sample(self) -> Row:
        """Return a record at random that has every field."""
        while True:
            n = self._chance.randrange(self._records) + 1
            for row in await self._documents.find(self._place, "number", [self._tenant], low=n, limit=20):
                if row["conversation_id"]:
                    return row

    def _count(self, row: Row, by: str, days: int = 0, one: bool = False) -> AuditCountQuery:
        about: dict[str, Any] = {"by": by} | (_values(row, ["actor"]) if one else {})
        if days:
            begin = BEGIN.date() + DAY * self._chance.randint(0, (END - BEGIN).days - days)
            about |= {"begin": begin, "end": begin + DAY * days}
        return AuditCountQuery(purpose="bench", **about)


def _values(row: Row, fields: list[str]) -> dict[str, str]:
    return {name: row["actor" if name == "subject" else name] for name in fields}


def _one_day(row: Row) -> dict[str, datetime]:
    begin = datetime.fromisoformat(row[LANE]["record"]["occurred_at"])
    return {"begin": begin, "end": begin + DAY}


def _query(**about: Any) -> AuditQuery:
    return AuditQuery(purpose="bench", **about)


class Clock:
    """Measures what is done in a `with`, in wall time and in processor time of this process."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.processor: list[float] = []
        self._began = (0.0, 0.0)

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall.append((time.perf_counter() - self._began[0]) * 1000)
        self.processor.append((time.process_time() - self._began[1]) * 1000)

    @property
    def form(self) -> AuditForm:
        """What was measured."""
        times = (quantile(self.wall, 0.5), quantile(self.wall, 0.99), quantile(self.processor, 0.99))
        return AuditForm(*(round(one, 1) for one in times))


class Asking:
    """Asks as the compliance service does: from the query to the encoded answer."""

    def __init__(self, found: Adapters, generation: int, tenant: str) -> None:
        generations = Live(found, generation)
        self._records = AuditRecords(found.documents, generations, found.log)
        self._sums = AuditSums(found.documents, generations)
        self._tenant = tenant

    async def measured(self, queries: list[Query]) -> AuditForm:
        """Ask these queries one after another."""
        clock = Clock()
        for query in queries:
            with clock:
                await self.answers(query)
        return clock.form

    async def answers(self, query: Query) -> int:
        """Ask; return the number of records or counts in the answer."""
        if isinstance(query, AuditQuery):
            page = await self._records.page(self._tenant, query)
            msgspec.json.encode(page)
            return len(page.records)
        found = await self._sums.counts(self._tenant, query)
        msgspec.json.encode(found)
        return len(found.counts)

    async def deep(self, about: Mapping[str, str], pages: int) -> AuditForm:
        """Ask for one page after another."""
        query, clock = msgspec.convert({"purpose": "bench", **about}, AuditQuery, strict=False), Clock()
        for _ in range(pages):
            with clock:
                page = await self._records.page(self._tenant, query)
                msgspec.json.encode(page)
            if page.after is None:
                break
            query = msgspec.structs.replace(query, after=page.after)
        return clock.form


async def fill(documents: Documents, trail: AuditTrail, generation: int) -> None:
    """Save all records of a trail."""
    processor = Audit(documents)
    await processor.prepare(generation)
    for batch in trail.batches(generation):
        await processor.apply(batch)


async def asked(found: Adapters, generation: int, tenant: str, what: Audits) -> dict[str, AuditForm]:
    """Return the times of each form."""
    asking, forms = Asking(found, generation, tenant), dict[str, AuditForm]()
    async for name, queries in Questions(found.documents, generation, tenant, what.records).forms(what.queries):
        forms[name] = await asking.measured(queries)
    for name, about in DEEP.items():
        forms[name] = await asking.deep(about, what.queries)
    return forms


async def main(what: Audits) -> None:
    """Fill, measure, and drop what was filled."""
    world, generation = World(), 1_000 + secrets.randbelow(1 << 30)
    async with compose.opened(compose.adapters(settings.load(), "caas-bench")) as found:
        wall, processor = time.perf_counter(), time.process_time()
        try:
            await fill(found.documents, AuditTrail(world.tenant, what.records), generation)
            filled_s, cpu_s = time.perf_counter() - wall, time.process_time() - processor
            forms = await asked(found, generation, world.tenant, what)
        finally:
            await found.documents.drop([TableGeneration(table, generation) for table in Audit.tables])
    cpu_us = round(cpu_s / what.records * 1e6, 1)
    spec.say(Audited(records=what.records, filled_s=round(filled_s, 1), cpu_us=cpu_us, forms=forms))


if __name__ == "__main__":
    uvloop.run(main(spec.given(Audits)))
