"""This module adopts a log: read models that were made from another log, or from more of this one, are rebuilt from it.

First a survey names what is lost: messages that the read models have and the log does not. Then the log gets a new
epoch, so that every position in it is greater than all that were saved, and each read model a new generation. No
process works meanwhile: workers and nodes refuse a log that does not fit.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.health import Health
from core.ports.documents import Changes, Checkpoint, DataLost, Documents
from core.ports.event_log import EventLog, LogTruncated
from core.positions import LogMismatch, epoch_of, offset_of, position
from core.retry import retry_until_available
from projections.generations import Pointer, partition_name, read_pointer, replace_pointer
from projections.messages import message_rows
from schemas import envelope, topics
from schemas.envelope import Foreign
from schemas.topics import Partition, partitions
from streams.rebuild.candidate import RebuildContext
from streams.rebuild.compare import Side, scanned
from streams.rebuild.lease import Refused
from streams.rebuild.replay import Fold, Replay, ReplayProgress, require_whole_log
from streams.runtime.lineage import UNNUMBERED, check_log
from streams.runtime.processor import Processor


@dataclass(frozen=True, slots=True)
class Lost:
    """Messages of one conversation that the log does not have: their count, and their first and last number."""

    conversation_id: str
    messages: int
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What does not fit, and what is lost when the log is adopted. `reasons` is empty where everything fits; `epoch` is
    the epoch from which on no saved position is in the way; `unknown` says why lost messages cannot be named. `records`
    counts by topic what the read models have read beyond the ends of this log.
    """

    epoch: int
    reasons: Mapping[str, str]
    lost: Sequence[Lost]
    unknown: str = ""
    records: Mapping[str, int] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """Return the number of lost messages."""
        return sum(one.messages for one in self.lost)


@dataclass(frozen=True, slots=True)
class Adopted:
    """The result: the log's new epoch, and the number of records that each read model was made from."""

    epoch: int
    records: Mapping[str, int]


async def survey(log: EventLog, documents: Documents, processors: Sequence[Processor], health: Health) -> Survey:
    """Compare the live generations of these processors with the log. Changes nothing."""
    reasons: dict[str, str] = {}
    newest, read = 0, dict[Partition, int]()
    for processor in processors:
        pointer = await _pointer(documents, processor.name, health)
        try:
            await check_log(log, documents, processor.name, pointer.live, health)
        except (LogMismatch, LogTruncated) as error:
            reasons[processor.name] = str(error)
            saved = await retry_until_available(
                "adopt",
                lambda: documents.checkpoints(processor.name, pointer.live),  # noqa: B023
                health,
            )
            newest = max(newest, *map(epoch_of, saved.values()))
            for at, where in saved.items():
                read[at] = max(read.get(at, 0), where)
    epoch = log.epoch if newest < log.epoch else newest + 1
    if not reasons:
        return Survey(log.epoch, {}, [])
    records = await _missing(log, read, health)
    try:
        return Survey(epoch, reasons, await _lost(log, documents, health), records=records)
    except (DataLost, LogTruncated) as error:
        return Survey(epoch, reasons, [], str(error), records)


async def _missing(log: EventLog, read: Mapping[Partition, int], health: Health) -> dict[str, int]:
    """Return, by topic, the number of records of this epoch that were read beyond its ends."""
    ends = await retry_until_available("adopt", lambda: log.end_offsets(read), health)
    found: Counter[str] = Counter()
    for at, where in read.items():
        if epoch_of(where) == log.epoch:
            found[at.topic] += max(0, offset_of(where) - ends[at])
    return {topic: count for topic, count in sorted(found.items()) if count}


async def _lost(log: EventLog, documents: Documents, health: Health) -> list[Lost]:
    """Return the messages that the live generation has and the log does not. Raises `DataLost` and `LogTruncated`."""
    places = partitions(topics.MESSAGE_SENT)
    ends = await retry_until_available("adopt", lambda: log.end_offsets(places), health)
    there: set[str] = set()
    async for batch in log.read(dict.fromkeys(places, 0), ends):
        for record in batch:
            found = envelope.read(record.topic, record.key, record.value, record.headers)
            if not isinstance(found, Foreign):
                there.add(found.envelope.id)
    pointer = await _pointer(documents, message_rows.MODEL, health)
    gone: dict[str, list[int]] = {}
    async for row in scanned(message_rows.ROWS, Side(documents, pointer.live), health):
        if "sent" in row and row["sent"]["id"] not in there:
            gone.setdefault(row["conversation_id"], []).append(row["sent"]["n"])
    return [Lost(key, len(seqs), min(seqs), max(seqs)) for key, seqs in sorted(gone.items())]


async def adopt(
    folds: Mapping[str, Fold],
    log: EventLog,
    documents: Documents,
    health: Health,
    found: Survey,
    *,
    progress: Callable[[str], ReplayProgress],
    begins: Callable[[], Awaitable[None]],
) -> Adopted:
    """Raise the log's epoch to the survey's, rebuild every read model that does not fit, and switch to it. `begins` is
    called between: what it appends has a position beyond all that were saved.

    An interrupted adoption continues when it is called again, after another survey. Raises `Refused`: `log_truncated`.
    """
    made = {name: fold(documents) for name, fold in folds.items()}
    names = list(folds if found.epoch > log.epoch else found.reasons)
    for name in names:
        if name not in UNNUMBERED:
            try:
                await require_whole_log(made[name], log, health)
            except LogTruncated as error:
                raise Refused("log_truncated", f"{error}: put back stores that are as old as this log") from error
    if found.epoch > log.epoch:
        await log.raise_epoch(found.epoch)
    await begins()
    records = {name: await _rebuild_from_log(folds[name], log, documents, health, progress(name)) for name in names}
    return Adopted(log.epoch, records)


async def _rebuild_from_log(
    fold: Fold, log: EventLog, documents: Documents, health: Health, progress: ReplayProgress
) -> int:
    """Make a new generation from all of the log, live at once; return the number of records it was made from."""
    processor = fold(documents)
    context = RebuildContext(fold, log, documents, health, progress, pause_s=0.0)
    generation = (await context.begun(processor)).newest
    places = partitions(*processor.topics)
    if processor.name in UNNUMBERED:
        begins = await context.retry_until_available(lambda: log.beginning_offsets(places))
        skipped = {at: position(log.epoch, offset) for at, offset in begins.items()}
        first = Changes([], [], Checkpoint(processor.name, generation, skipped))
        await context.retry_until_available(lambda: documents.save(first))
    ends = await context.retry_until_available(lambda: log.end_offsets(places))
    replay = Replay(processor, log, documents, health, generation, progress=progress)
    await replay.begin()
    await replay.to(ends)
    effects_from = {partition_name(at): position(log.epoch, end) for at, end in ends.items()}
    await _switch(processor, documents, health, live=generation, effects_from=effects_from)
    return replay.records


async def _switch(processor: Processor, documents: Documents, health: Health, **fields: Any) -> None:
    """Make the new generation live. No worker works the old one, and no rollback leads to it: it is of another log."""
    while True:
        old = await _pointer(documents, processor.name, health)
        new = msgspec.structs.replace(
            old, before=0, version=processor.version, before_version=0, turn=old.turn + 1, pause=None, **fields
        )
        if await retry_until_available("adopt", lambda: replace_pointer(documents, processor.name, new, old), health):  # noqa: B023
            return


async def _pointer(documents: Documents, model: str, health: Health) -> Pointer:
    return await retry_until_available("adopt", lambda: read_pointer(documents, model), health)
