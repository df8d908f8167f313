"""TraceRecords answers what happened under a correlation id, from the read model `trace`."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from core.audit.derived import AUDITED
from core.ports.documents import Documents, TableGeneration
from core.ports.event_log import EventLog
from core.ports.memberships import NotReady
from core.positions import offset_in
from projections.generations import Generations
from projections.messages import message_rows
from projections.progress import Progress
from projections.queries.applied_batches import AppliedBatches
from projections.queries.audit_records import DERIVING, EMITTED_S
from projections.trace import trace_rows
from projections.trace.applications import Reader, with_applications
from projections.trace.arrivals import MAX_RECEIPTS, Message, messages_of, with_arrivals
from projections.trace.causal_tree import trace_of
from schemas.topics import MESSAGE_SENT, TOPICS, partitions
from schemas.wire.trace import MAX_TRACE_RECORDS, Trace, TraceRecord

MODELS: Final = (trace_rows.MODEL, message_rows.MODEL, DERIVING)
JOURNAL_WAIT_S: Final = 2.5
"""Maximum time, in seconds, that a trace waits for the journal, which is written about once a second."""
JOURNAL_POLL_S: Final = 0.1
RECENT_MS: Final = 10_000
"""Age of a record whose batch the journal has by now, or not at all."""


class TraceRecords:
    """The traces of the live read model; `generations` know `MODELS` and the readers, those whose work on each record
    is shown.
    """

    def __init__(
        self, documents: Documents, generations: Generations, log: EventLog, readers: Sequence[Reader] = ()
    ) -> None:
        self._documents = documents
        self._generations = generations
        self._log = log
        self._progress = Progress(documents, generations, log)
        self._readers = readers
        self._applied = AppliedBatches(documents, self._progress, readers)

    async def catch_up(self) -> None:
        """Wait until what is in the log now, and what is derived from it, is in the read model; for some seconds, since
        a trace must show where a request stands whose worker does not run. Raises `Unavailable`.
        """
        with contextlib.suppress(NotReady):
            await self._progress.pass_ends(message_rows.MODEL, partitions(MESSAGE_SENT))
            await self._progress.pass_ends(DERIVING, partitions(*AUDITED))
            await asyncio.sleep(EMITTED_S)  # what derives from the last batch is being appended
        with contextlib.suppress(NotReady):
            await self._progress.pass_ends(trace_rows.MODEL, partitions(*TOPICS))

    async def trace(self, tenant: str, correlation_id: str) -> Trace:
        """Return the tree of a request, at most `MAX_TRACE_RECORDS` of its records. Raises `Unavailable`."""
        behind = await self._behind()  # first: what it has read by then is in the rows
        live, limit = self._generations.live(trace_rows.MODEL), MAX_TRACE_RECORDS + 1
        own_place, named_place = (TableGeneration(table, live) for table in (trace_rows.RECORDS, trace_rows.NAMED))
        asked = (tenant, correlation_id)
        own = await self._documents.find(own_place, trace_rows.CORRELATION, asked, limit=limit)
        named = await self._documents.find(named_place, trace_rows.CORRELATION, asked, limit=limit)
        shared = await self._documents.get(own_place, {trace_rows.place_of(row) for row in named})
        records = [trace_rows.record_of(row) for row in own]
        both = [(shared[place], row) for row in named if (place := trace_rows.place_of(row)) in shared]
        records += [trace_rows.as_named(trace_rows.record_of(found), row) for found, row in both]
        receipts = {message: await self._receipts(own_place, tenant, message) for message in messages_of(records)}
        found = trace_of(correlation_id, with_arrivals(records, receipts), MAX_TRACE_RECORDS, behind=behind)
        return await self._with_journal(found) if self._readers else found

    async def settled(self, tenant: str, correlation_id: str) -> Trace:
        """Return the tree of a request as `trace` does; where the journal will soon say more of it, wait for that."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + JOURNAL_WAIT_S
        found = await self.trace(tenant, correlation_id)
        while _journal_follows(found) and loop.time() < ends:
            await asyncio.sleep(JOURNAL_POLL_S)
            found = await self.trace(tenant, correlation_id)
        return found

    async def _with_journal(self, found: Trace) -> Trace:
        epoch = self._log.epoch
        known = await self._applied.known([entry.record for entry in found.entries], epoch)
        return structs.replace(
            found, entries=with_applications(found.entries, self._readers, known, epoch), journal=True
        )

    async def _receipts(self, place: TableGeneration, tenant: str, message: Message) -> list[TraceRecord]:
        asked = (tenant, message.conversation_id)
        rows = await self._documents.find(place, "reached", asked, low=message.seq, limit=MAX_RECEIPTS)
        return [trace_rows.record_of(row) for row in rows]

    async def _behind(self) -> int:
        """Return how many records of the log the read model has not read."""
        ends = await self._log.end_offsets(partitions(*TOPICS))
        passed = await self._progress.passed(trace_rows.MODEL)
        return sum(max(0, end - offset_in(self._log.epoch, passed.get(at, 0))) for at, end in ends.items())


def _journal_follows(found: Trace) -> bool:
    """Return whether a recent record was applied, and the journal does not say when."""
    since_ms = time.time() * 1000 - RECENT_MS
    recent = (entry for entry in found.entries if entry.record.recorded_ms >= since_ms)
    return any(one.applied and one.saved_ms is None for entry in recent for one in entry.applications)
