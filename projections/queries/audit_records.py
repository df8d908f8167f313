"""AuditRecords answers queries of the audit log from its read model."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from core.audit.derived import AUDITED
from core.domain.decision import field_error
from core.ports.documents import Documents, Row, TableGeneration
from core.ports.event_log import EventLog
from projections.audit import audit_rows
from projections.audit.audit_rows import LANE, NUMBERS_OF_A_MS, ms_at
from projections.generations import Generations
from projections.progress import Progress
from schemas.topics import AUDIT_LOG, partitions
from schemas.wire.audit import AuditEntry, AuditPage, AuditQuery

MAX_SCANNED: Final = 5_000
"""Maximum number of rows that are read for a page: where few of them match, the page is short, and has a cursor."""
BATCH_SIZE: Final = 500
DERIVING: Final = "audit_events"
"""The processor that appends the records of commands."""
EMITTED_S: Final = 0.1
SELECTIVE: Final = ("correlation_id", "entity", "conversation_id", "actor", "action", "outcome")
"""The fields with an index of their own, those that fewer records share first."""
Find = Callable[[TableGeneration, str, Sequence[str]], Awaitable[list[Row]]]
_decoder: Final = msgspec.json.Decoder(tuple[int, int | None, str])


class AuditRecords:
    """The records of the live read model `audit`; `generations` know `audit` and `audit_events`."""

    def __init__(self, documents: Documents, generations: Generations, log: EventLog) -> None:
        self._documents = documents
        self._generations = generations
        self._progress = Progress(documents, generations, log)

    async def catch_up(self) -> None:
        """Return when what is in the log now has been recorded and saved. What a worker that crashed writes again may
        come later. Raises `NotReady` after some seconds, and `Unavailable`.
        """
        await self._progress.pass_ends(DERIVING, partitions(*AUDITED))
        await asyncio.sleep(EMITTED_S)  # what derives from the last batch is being appended
        await self._progress.pass_ends(audit_rows.MODEL, partitions(AUDIT_LOG))

    async def page(self, tenant: str, query: AuditQuery) -> AuditPage:
        """Return the page of a query. Raises `Rejected` for a cursor of another query, and `Unavailable`."""
        up_to, time = _place_of(query)
        if up_to is None:
            up_to = await self._last(tenant)
        found: list[AuditEntry] = []
        scanned = 0
        while scanned < MAX_SCANNED:
            size = min(BATCH_SIZE, 2 * (query.limit - len(found)))
            rows = await self._rows(tenant, query, time, size)
            for row in rows:
                time = row[LANE]["n" if query.order == "number" else "time"]
                if row["tenant"] == tenant and row[LANE]["n"] <= up_to and matches(row, query):
                    found.append(entry(row))
                    if len(found) == query.limit:
                        return AuditPage(records=found, after=_cursor(query, up_to, time), up_to=up_to)
            if len(rows) < size:
                return AuditPage(records=found, after=None, up_to=up_to)
            scanned += size
        return AuditPage(records=found, after=_cursor(query, up_to, time), up_to=up_to)

    async def _rows(self, tenant: str, query: AuditQuery, time: int | None, limit: int) -> list[Row]:
        """Return the next rows after the one at `time`, by the index that fits the query best."""
        place = TableGeneration(audit_rows.ROWS, self._generations.live(audit_rows.MODEL))
        if query.id is not None:
            return [] if time is not None else list((await self._documents.get(place, [query.id])).values())
        if query.order == "number":
            return await self._documents.find(place, "number", [tenant], low=(time or 0) + 1, limit=limit)
        low, high = _range(query)
        newest_first = query.order == "newest"
        if time is not None:
            low, high = (low, time) if newest_first else (time + 1, high)
        find = partial(self._documents.find, low=low, high=high, limit=limit, reverse=newest_first)
        if query.subject is not None:
            return await self._about(tenant, query.subject, find, limit, newest_first=newest_first)
        index, equals = index_of(tenant, query)
        return await find(place, index, equals)

    async def _about(self, tenant: str, user: str, find: Find, limit: int, *, newest_first: bool) -> list[Row]:
        """Return the next rows of what a user did, and of what was done to them."""
        live = self._generations.live(audit_rows.MODEL)
        place = TableGeneration(audit_rows.ROWS, live)
        acted = await find(place, "actor", (tenant, user))
        concerned = await find(TableGeneration(audit_rows.SUBJECTS, live), "subject", (tenant, user))
        both = sorted([*acted, *concerned], key=lambda row: row[LANE]["time"], reverse=newest_first)[:limit]
        rows = {row["_id"]: row for row in acted}
        keys = [row[LANE].get("id", row["_id"]) for row in both]
        rows |= await self._documents.get(place, [key for key in keys if key not in rows])
        return [rows[key] for key in keys]

    async def _last(self, tenant: str) -> int:
        """Return the number of the newest record, 0 if there is none."""
        place = TableGeneration(audit_rows.HEADS, self._generations.live(audit_rows.MODEL))
        found = await self._documents.get(place, [tenant])
        number: int = found[tenant][LANE]["n"] if tenant in found else 0
        return number


def index_of(tenant: str, query: AuditQuery) -> tuple[str, Sequence[str]]:
    """Return the index that a query reads, and the values of its fields."""
    if query.correlation_id is None and query.entity is None and query.action is not None:
        if query.actor is not None:
            return "actor_action", (tenant, query.actor, query.action)
        if query.conversation_id is None and query.outcome is not None:
            return "action_outcome", (tenant, query.action, query.outcome)
    for name in SELECTIVE:
        value = getattr(query, name)
        if value is not None:
            return name, (tenant, value)
    return "all", (tenant,)


def matches(row: Row, query: AuditQuery) -> bool:
    """Return whether a row has all values of a query, and is of its time."""
    low, high = _range(query)
    time = row[LANE]["time"]
    within = (low is None or low <= time) and (high is None or time < high)
    concerns = query.subject is None or query.subject in {row["actor"], *row[LANE]["record"]["subjects"]}
    return within and concerns and all(row[name] == value for name, value in _wanted(query))


def _range(query: AuditQuery) -> tuple[int | None, int | None]:
    """Return the first place in the order of time that a query has, and the one after its last."""
    low, high = (None if at is None else ms_at(at) * NUMBERS_OF_A_MS for at in (query.begin, query.end))
    return low, high


def _wanted(query: AuditQuery) -> Iterator[tuple[str, str]]:
    for name in SELECTIVE:
        value = getattr(query, name)
        if value is not None:
            yield name, value


def entry(row: Row) -> AuditEntry:
    """Return the record of a row."""
    facet = row[LANE]
    ms = facet["recorded_ms"]
    at = (
        datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if ms else None
    )
    return AuditEntry(n=facet["n"], recorded_at=at, leaf_hash=facet["leaf"], record=facet["record"])


def _cursor(query: AuditQuery, up_to: int, time: int | None) -> str:
    value = msgspec.json.encode((up_to, time, _bound(query)))
    return base64.urlsafe_b64encode(value).decode()


def _place_of(query: AuditQuery) -> tuple[int | None, int | None]:
    """Return the up_to of a query, and the time of the last record before its page; None where it has none."""
    if query.after is None:
        return query.up_to, None
    try:
        up_to, time, bound = _decoder.decode(base64.b64decode(query.after, altchars=b"-_", validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        up_to, time, bound = 0, None, ""
    if bound != _bound(query):
        raise field_error("after", "value", "this cursor is of another query: `after` continues the same one alone")
    return up_to, time


def _bound(query: AuditQuery) -> str:
    """Return what a cursor is bound to: all of the query that says which records, and in which order."""
    same = msgspec.structs.replace(query, purpose="same", limit=1, up_to=None, after=None, wait=False, proofs=False)
    return hashlib.sha256(msgspec.json.encode(same)).hexdigest()[:16]
