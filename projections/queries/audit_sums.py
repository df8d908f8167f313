"""AuditSums counts records of the audit log by day, actor, action and outcome, from the sums of its read model."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from core.audit.tiles import WIDTH
from core.domain.decision import field_error
from core.ports.documents import Documents, Row, TableGeneration
from projections.audit import audit_rows, day_sums
from projections.audit.audit_rows import LANE
from projections.audit.day_sums import ACTOR, EVERYONE
from projections.generations import Generations
from schemas.wire.audit import AuditCount, AuditCountQuery, AuditCounts

BATCH_SIZE: Final = 1_000
MAX_SCANNED: Final = 50_000
"""Maximum number of rows of sums that are read for an answer, such as a month of 1,600 users who did something each
day.
"""
MAX_COUNTS: Final = 20_000
"""Maximum number of counts in an answer."""
_EPOCH: Final = date(1970, 1, 1)
_LAST_DAY: Final = (date.max - _EPOCH).days


class AuditSums:
    """The sums of the live read model `audit`, and the records that are not in them yet."""

    def __init__(self, documents: Documents, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations

    async def counts(self, tenant: str, query: AuditCountQuery) -> AuditCounts:
        """Return the counts of a query. Raises `Rejected` where it asks for too many, and `Unavailable`."""
        live = self._generations.live(audit_rows.MODEL)
        heads = await self._documents.get(TableGeneration(audit_rows.HEADS, live), [tenant])
        size: int = heads[tenant][LANE]["n"] if tenant in heads else 0
        tally = _Tally(query)
        async for row in self._rows(tenant, query, live):
            tally.add_sums(row)
        rows, first = TableGeneration(audit_rows.ROWS, live), day_sums.first_unsummed(size)
        for record in await self._documents.find(rows, "number", [tenant], low=first, high=size + 1, limit=WIDTH):
            tally.add_record(record)
        return AuditCounts(counts=tally.sorted(), up_to=size)

    async def _rows(self, tenant: str, query: AuditCountQuery, live: int) -> AsyncIterator[Row]:
        """Yield the rows of sums of a query."""
        place, name = TableGeneration(day_sums.SUMS, live), facet_of(query)
        index, equals = index_of(tenant, query)
        low, high = (None if day is None else day_sums.place_of(day) for day in _days(query))
        for _ in range(0, MAX_SCANNED, BATCH_SIZE):
            found = await self._documents.find(place, index, equals, low=low, high=high, limit=BATCH_SIZE)
            for row in found:
                yield row
            if len(found) < BATCH_SIZE:
                return
            low = found[-1][name]["place"] + 1
        raise field_error("from", "bounds", f"there are more than {MAX_SCANNED} days of users: ask for fewer days")


def facet_of(query: AuditCountQuery) -> str:
    """Return the facet of the sums that answer a query: those of single actors only where it needs them."""
    return ACTOR if query.actor is not None or "actor" in query.by.split(",") else EVERYONE


def index_of(tenant: str, query: AuditCountQuery) -> tuple[str, list[str]]:
    """Return the index of the sums that a query reads, and the values of its fields."""
    if query.actor is not None:
        return "actor", [tenant, query.actor]
    return ("actors" if facet_of(query) == ACTOR else "everyone"), [tenant]


def _days(query: AuditCountQuery) -> tuple[int | None, int | None]:
    """Return the first day of a query and the one after its last."""
    begin, end = (None if day is None else (day - _EPOCH).days for day in (query.begin, query.end))
    return begin, end


@dataclass(slots=True)
class _Tally:
    """Counts by the fields of a query while rows are added, first the sums."""

    query: AuditCountQuery
    counts: dict[tuple[Any, ...], list[int]] = field(default_factory=dict)
    summed: dict[tuple[int, str], int] = field(default_factory=dict)
    """The position of the last record in the sums of each day, or of each day and actor."""

    def add_sums(self, row: Row) -> None:
        """Add a row of sums. Raises `Rejected`."""
        facet: dict[str, Any] = row[facet_of(self.query)]
        day, actor = day_sums.day_of(facet["place"]), row.get("actor_id", "")
        self.summed[day, actor] = facet["pos"]
        for action, outcome, count, records in facet["sums"]:
            self._add({"day": day, "actor": actor, "action": action, "outcome": outcome}, count, records)

    def add_record(self, row: Row) -> None:
        """Add a record if it is in no row of sums that was added. Raises `Rejected`."""
        day, low, high = day_sums.day_of_record(row), *_days(self.query)
        actor = row["actor"] if facet_of(self.query) == ACTOR else ""
        within = (low is None or low <= day) and (high is None or day < high)
        wanted = self.query.actor is None or self.query.actor == actor
        if within and wanted and row[LANE]["pos"] > self.summed.get((day, actor), -1):
            of = {"day": day, "actor": actor, "action": row["action"], "outcome": row["outcome"]}
            self._add(of, row[LANE]["record"]["count"], 1)

    def _add(self, of: dict[str, Any], count: int, records: int) -> None:
        query = self.query
        if query.action not in {None, of["action"]} or query.outcome not in {None, of["outcome"]}:
            return
        found = self.counts.setdefault(tuple(of[name] for name in _fields(query)), [0, 0])
        found[0] += count
        found[1] += records
        if len(self.counts) > MAX_COUNTS:
            raise field_error("by", "bounds", f"there are more than {MAX_COUNTS} counts: ask for fewer days or fields")

    def sorted(self) -> list[AuditCount]:
        """Return the counts in the order of the values of their fields."""
        names, counts = _fields(self.query), []
        for key, (count, records) in sorted(self.counts.items()):
            of = dict(zip(names, key, strict=True))
            if "day" in of:
                of["day"] = (_EPOCH + timedelta(min(of["day"], _LAST_DAY))).isoformat()
            counts.append(AuditCount(**of, count=count, records=records))
        return counts


def _fields(query: AuditCountQuery) -> list[str]:
    """Return the fields counted by, once each."""
    return list(dict.fromkeys(query.by.split(",")))
