"""This module checks which log a read model was made from: no worker continues with another log, or with one that has
lost its end.

A checkpoint has a position, in an epoch, and a digest of the last record before it. The log that it was made from has
that epoch, reaches that far, and has that record there. A log that was restored from a backup, damaged, or truncated by
an election does not reach so far, or has another record there by now; topics that were created again have another
epoch.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from core.health import Health
from core.ports.documents import Changes, Checkpoint, Documents, Fingerprint
from core.ports.event_log import EventLog, LogTruncated, Received
from core.positions import ADOPT, LogMismatch, epoch_of, offset_of, position
from core.retry import retry_until_available
from projections.generations import read_pointer
from projections.receipts import receipt_rows
from projections.trace import trace_rows
from schemas.topics import Partition, partitions
from streams.runtime.processor import Processor, SelfChecking

logger: Final = logging.getLogger("caas.lineage")
SHORT_CHECKS: Final = 3
RETRY_INTERVAL_S: Final = 0.3
UNNUMBERED: Final = frozenset({receipt_rows.MODEL, "audit_events", trace_rows.MODEL})
"""Read models that are incomplete, but not wrong, without the beginning of the log: nothing in them is numbered."""


def digest_of(record: Received) -> str:
    """Return a digest that distinguishes a record from every other one."""
    parts = [record.key or b"", record.value or b""]  # readers represent a missing value differently
    for name, value in record.headers:
        parts += (name.encode(), value or b"")
    return blake2b(b"".join([b"%d:%b" % (len(part), part) for part in parts]), digest_size=12).hexdigest()


async def check_models(log: EventLog, documents: Documents, models: Sequence[str], health: Health) -> None:
    """Raises `LogMismatch` where the live generation of one of these read models was not made from this log. What the
    log no longer keeps is reported by their workers.
    """
    for model in models:
        pointer = await retry_until_available(f"{model}: pointer", lambda: read_pointer(documents, model), health)  # noqa: B023
        with contextlib.suppress(LogTruncated):
            await check_log(log, documents, model, pointer.live, health)


async def skip_removed(
    log: EventLog, documents: Documents, model: str, generation: int, *, places: Sequence[Partition], health: Health
) -> None:
    """Continue where the log begins, in a read model in which nothing is numbered (`UNNUMBERED`): what was removed
    before it was read is lost, and a warning names it. Moves its checkpoints, and the marks of what was emitted.
    """
    begins = await retry_until_available(f"{model}: log", lambda: log.beginning_offsets(places), health)
    for name in (model, acknowledged(model)):
        saved = await retry_until_available(f"{model}: log", lambda: documents.checkpoints(name, generation), health)  # noqa: B023
        check_epochs(log.epoch, saved, model)
        beyond = {
            at: position(log.epoch, offset) for at, offset in begins.items() if offset > offset_of(saved.get(at, 0))
        }
        if not beyond:
            continue
        logger.warning("%s goes on where the log begins, %s is lost for it", model, sorted(beyond))
        skipped = Changes([], [], Checkpoint(name, generation, beyond))
        await retry_until_available(f"{model}: log", lambda: documents.save(skipped), health)  # noqa: B023


def acknowledged(processor: str) -> str:
    """Return the name under which a processor's marks of what was emitted are kept, as checkpoints."""
    return f"{processor} acknowledged"


async def check_processor(
    log: EventLog, documents: Documents, processor: Processor, generation: int, health: Health
) -> None:
    """Check the log before a processor works a generation: `skip_removed` where nothing is numbered, then `check_log`;
    what it keeps beside its rows is compared with the log's ends, too.
    """
    name, places = processor.name, partitions(*processor.topics)
    if name in UNNUMBERED:
        await skip_removed(log, documents, name, generation, places=places, health=health)
    await check_log(log, documents, name, generation, health)
    if isinstance(processor, SelfChecking):
        ends = await retry_until_available(f"{name}: log", lambda: log.end_offsets(places), health)
        await processor.check_ends(generation, {at: position(log.epoch, end) for at, end in ends.items()})


async def check_log(log: EventLog, documents: Documents, model: str, generation: int, health: Health) -> None:
    """Raises `LogMismatch` where a generation was not made from this log, `LogTruncated` where the log no longer keeps
    what follows its checkpoint.
    """
    what = f"{model}: log"
    saved = await retry_until_available(what, lambda: documents.checkpoints(model, generation), health)
    check_epochs(log.epoch, saved, model)
    offsets = {at: offset_of(where) for at, where in saved.items()}
    watch = EndsWatch(model)
    while not watch.check(await retry_until_available(what, lambda: log.end_offsets(offsets), health), offsets):  # noqa: ASYNC110
        await asyncio.sleep(RETRY_INTERVAL_S)  # a broker that was frozen soon returns its current state
    begins = await retry_until_available(what, lambda: log.beginning_offsets(offsets), health)
    check_begins(begins, offsets, model)
    known = await retry_until_available(what, lambda: documents.fingerprints(model, generation), health)
    kept = {at: last for at, last in known.items() if begins.get(at, 0) < offset_of(last.position)}
    await _check_last(log, {at: last for at, last in kept.items() if last.position <= saved.get(at, 0)}, model)


def check_epochs(epoch: int, saved: Mapping[Partition, int], model: str) -> None:
    """Raises `LogMismatch` where a checkpoint is of another epoch than the log's."""
    others = {found for where in saved.values() if (found := epoch_of(where)) != epoch}
    if others:
        raise LogMismatch(
            f"the read model {model} was made from epoch {max(others)} of the log, and this log is epoch {epoch}: its "
            f"topics were created again, or another log replaced it; {ADOPT}"
        )


def check_ends(ends: Mapping[Partition, int], offsets: Mapping[Partition, int], model: str) -> None:
    """Raises `LogMismatch` where the log ends before what was read of it."""
    short = {at: offset - ends[at] for at, offset in offsets.items() if ends[at] < offset}
    if short:
        at = min(short)
        raise LogMismatch(
            f"the log is older than the read model {model}: {at.topic} {at.number} ends at {ends[at]}, and {model} has "
            f"read it up to {offsets[at]} ({sum(short.values())} records missing in all partitions): put back a log "
            f"that has them, or stores (embedded: documents.sqlite, search.sqlite) as old as this log; {ADOPT}"
        )


def check_begins(begins: Mapping[Partition, int], offsets: Mapping[Partition, int], model: str) -> None:
    """Raises `LogTruncated` where records were removed before they were read."""
    for at, offset in sorted(offsets.items()):
        if begins[at] > offset:
            raise LogTruncated(
                f"the read model {model} has read {at.topic} {at.number} up to {offset}, and the log begins at "
                f"{begins[at]}: what lay between was removed before it was read"
            )


class EndsWatch:
    """Checks the ends of a log that is being read. A broker that was frozen may once answer with an old state, so the
    ends are too short only when several consecutive checks find so.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._short = 0

    def check(self, ends: Mapping[Partition, int], offsets: Mapping[Partition, int]) -> bool:
        """Return whether the log reaches as far as it was read. Raises `LogMismatch` at the third consecutive check at
        which it does not.
        """
        try:
            check_ends(ends, {at: offset for at, offset in offsets.items() if at in ends}, self._model)
        except LogMismatch:
            self._short += 1
            if self._short >= SHORT_CHECKS:
                raise
            return False
        self._short = 0
        return True


async def _check_last(log: EventLog, known: Mapping[Partition, Fingerprint], model: str) -> None:
    """Raises `LogMismatch` where the record before a checkpoint differs from the one that was read."""
    until = {at: offset_of(last.position) for at, last in known.items()}
    async for batch in log.read({at: offset - 1 for at, offset in until.items()}, until):
        for record in batch:
            if record.offset == until[record.at()] - 1 and digest_of(record) != known[record.at()].digest:
                raise LogMismatch(
                    f"record {record.offset} of {record.topic} {record.partition} is another one than the read model "
                    f"{model} has read there: the log lost its end and went on differently; {ADOPT}"
                )
