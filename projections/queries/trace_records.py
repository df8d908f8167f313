"""TraceRecords answers what happened under a correlation id, from the read model `trace`."""

import asyncio
import contextlib
from typing import Final

from core.audit.derived import AUDITED
from core.ports.documents import Documents, TableGeneration
from core.ports.event_log import EventLog
from core.ports.memberships import NotReady
from core.positions import offset_in
from projections.generations import Generations
from projections.messages import message_rows
from projections.progress import Progress
from projections.queries.audit_records import DERIVING, EMITTED_S
from projections.trace import trace_rows
from projections.trace.arrivals import MAX_RECEIPTS, Message, messages_of, with_arrivals
from projections.trace.causal_tree import trace_of
from schemas.topics import MESSAGE_SENT, TOPICS, partitions
from schemas.wire.trace import MAX_TRACE_RECORDS, Trace, TraceRecord

MODELS: Final = (trace_rows.MODEL, message_rows.MODEL, DERIVING)


class TraceRecords:
    """The traces of the live read model; `generations` know `MODELS`."""

    def __init__(self, documents: Documents, generations: Generations, log: EventLog) -> None:
        self._documents = documents
        self._generations = generations
        self._log = log
        self._progress = Progress(documents, generations, log)

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
        return trace_of(correlation_id, with_arrivals(records, receipts), MAX_TRACE_RECORDS, behind=behind)

    async def _receipts(self, place: TableGeneration, tenant: str, message: Message) -> list[TraceRecord]:
        asked = (tenant, message.conversation_id)
        rows = await self._documents.find(place, "reached", asked, low=message.seq, limit=MAX_RECEIPTS)
        return [trace_rows.record_of(row) for row in rows]

    async def _behind(self) -> int:
        """Return how many records of the log the read model has not read."""
        ends = await self._log.end_offsets(partitions(*TOPICS))
        passed = await self._progress.passed(trace_rows.MODEL)
        return sum(max(0, end - offset_in(self._log.epoch, passed.get(at, 0))) for at, end in ends.items())
