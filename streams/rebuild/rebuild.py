"""This module rebuilds a read model: a new generation beside the live one, compared row by row, then switched to while
people chat.

All rows are compared while both run; what changed since is recorded and compared again, until so little is left that it
fits into the pause. Another version of the processor gives other rows: they must equal a second fold, and a person must
accept their digest.
"""

import dataclasses
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import uuid4

from core.health import Health
from core.ports.documents import DataLost, Documents
from core.ports.event_log import EventLog, LogTruncated
from projections.generations import Pointer
from streams.rebuild.candidate import Candidate, DropExtra, RebuildContext
from streams.rebuild.compare import Comparison, Difference, Side, digest
from streams.rebuild.lease import Lease, Refused
from streams.rebuild.replay import Fold, Replay, ReplayProgress, require_whole_log
from streams.rebuild.switch import Offsets, SwitchAborted
from streams.runtime.lag import ReadModelStalled

__all__ = ["Refused", "Report", "rebuild", "rollback"]

logger: Final = logging.getLogger("caas.rebuild")
MAX_ATTEMPTS: Final = 3
SECOND_LIMIT: Final = 97
"""Batch size of the second fold; it differs from the first, so that rows that depend on batches differ."""

Outcome = Literal["switched", "differs", "unstable", "needs_accept", "called_off"]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a rebuild. Unless it `switched` nothing changed. `rows` were compared, `records` replayed;
    `differs`: the rows named are not what the log results in; `unstable`: two folds of this version differ;
    `needs_accept`: another version's rows, to be accepted with `digest`; `called_off`: the pause was too long, or the
    live generation has no worker. With a `reason` it switched whatever the live rows were.
    """

    model: str
    outcome: Outcome
    old: int
    new: int
    rows: int = 0
    records: int = 0
    seconds: float = 0.0
    records_per_s: float = 0.0
    pause_ms: float | None = None
    differences: Sequence[Difference] = ()
    digest: str | None = None
    detail: str = ""
    reason: str | None = None

    def __str__(self) -> str:
        lines = [
            f"{self.model}: {self.outcome}, {self._generations()}; {self.records} records in"
            f" {self.seconds:.1f} s ({self.records_per_s:.0f}/s), {self.rows} rows compared"
            + (f", paused {self.pause_ms:.0f} ms" if self.pause_ms is not None else ""),
            *([self.detail] if self.detail else []),
            *([f"--accept {self.digest}"] if self.outcome == "needs_accept" else []),
            *([f"`caas rebuild {self.model} --replace REASON` switches"] if self.outcome == "differs" else []),
        ]
        return "\n".join([*lines, *(f"  {difference}" for difference in self.differences)])

    def _generations(self) -> str:
        switched = self.outcome == "switched"
        return f"generation {self.old} -> {self.new}" if switched else f"generation {self.old} stays live"


async def rebuild(
    fold: Fold,
    log: EventLog,
    documents: Documents,
    health: Health,
    *,
    scratch: Documents,
    progress: ReplayProgress,
    accept: str | None = None,
    replace: str | None = None,
    pause_s: float = 2.0,
    drop_extra: DropExtra | None = None,
) -> Report:
    """Rebuild one model and switch to it. `fold` returns its processor over documents; `scratch` is empty, for a second
    fold. Live workers must run somewhere. `replace` is the reason to switch although the live rows differ, or are lost.

    Raises `Refused`: `log_truncated`, `rebuild_running`, `digest_unknown`.
    """
    running = _Rebuild(RebuildContext(fold, log, documents, health, progress, pause_s, drop_extra), scratch)
    try:
        return await (running.build(replace) if accept is None else running.accept(accept))
    except LogTruncated as error:
        raise Refused("log_truncated", str(error)) from error


async def rollback(
    fold: Fold, log: EventLog, documents: Documents, health: Health, *, progress: ReplayProgress, pause_s: float = 2.0
) -> Report:
    """Return to the previous generation, after it has caught up with the live one; nothing is compared.

    Raises `Refused`: `nothing_before`, `version_differs`, `log_truncated`, `rebuild_running`.
    """
    running = _Rebuild(RebuildContext(fold, log, documents, health, progress, pause_s), documents)
    try:
        return await running.roll_back()
    except LogTruncated as error:
        raise Refused("log_truncated", str(error)) from error


class _Rebuild:
    """One rebuild, from lease to report."""

    def __init__(self, context: RebuildContext, scratch: Documents) -> None:
        self._context = context
        self._scratch = scratch
        self._began = time.monotonic()
        self._processor = context.fold(context.documents)
        self._model = self._processor.name

    async def build(self, reason: str | None) -> Report:
        await require_whole_log(self._processor, self._context.log, self._context.health)
        async with self._lease() as lease:
            lease.kept = None
            pointer = await self._context.begun(self._processor)
            candidate = Candidate(self._context, pointer, pointer.newest)
            await candidate.replay.begin()
            await candidate.catch_up()
            if reason is not None:
                return await self._replaced(candidate, reason)
            if pointer.version in {0, self._processor.version}:
                return await self._same_version(candidate)
            return await self._other_version(candidate, lease)

    async def _replaced(self, candidate: Candidate, reason: str) -> Report:
        """Switch whatever the live rows are; what differs is named, where there is something to compare with. The live
        generation may never advance, so this does not wait for it.
        """
        rows, lost = 0, ""
        differences: tuple[Difference, ...] = ()
        try:
            comparison = await candidate.compared()
            await candidate.judge(comparison)
        except DataLost as error:
            lost = f"{error.place.table.name} of generation {error.place.generation} was lost"
        else:
            rows, differences = comparison.rows, tuple(comparison.differences)
        logger.warning(
            "%s is replaced: %s (%d differences%s)", self._model, reason, len(differences), lost and f", {lost}"
        )
        report = await self._switched_unseen(candidate)
        if report.outcome != "switched":
            await candidate.drop()
        hint = "restart the nodes: they have sent what differed" if report.outcome == "switched" and differences else ""
        detail = ", ".join(filter(None, (lost, report.detail, hint)))
        return dataclasses.replace(report, reason=reason, rows=rows, differences=differences, detail=detail)

    async def accept(self, accept: str) -> Report:
        """Take up the candidate that a person has seen."""
        async with self._lease() as lease:
            pointer, kept = await self._context.pointer(self._model), lease.kept or {}
            seen = (kept.get("digest"), kept.get("version"), kept.get("generation"))
            if seen != (accept, self._processor.version, pointer.newest):
                raise Refused("digest_unknown", f"no candidate of {self._model} with this digest and version waits")
            report = await self._unseen(pointer, pointer.newest)
            if report.outcome == "switched":
                lease.kept = None
            return dataclasses.replace(report, digest=accept)

    async def roll_back(self) -> Report:
        async with self._lease():
            pointer = await self._context.pointer(self._model)
            if not pointer.before:
                raise Refused("nothing_before", f"{self._model} has had one generation only")
            if pointer.before_version not in {0, self._processor.version}:
                raise Refused("version_differs", f"that generation was made by version {pointer.before_version}")
            return await self._unseen(pointer, pointer.before)

    def _lease(self) -> Lease:
        return Lease(self._context.documents, self._model, str(uuid4()), self._context.health)

    async def _same_version(self, candidate: Candidate) -> Report:
        """Switch if the candidate equals the live generation, else drop it."""
        comparison = await candidate.compared()
        report = await self._tried(candidate, comparison)
        if report.outcome != "switched":
            await candidate.drop()
        if comparison.differences:
            return dataclasses.replace(report, outcome="differs", detail="", differences=tuple(comparison.differences))
        return report

    async def _tried(self, candidate: Candidate, comparison: Comparison) -> Report:
        async def equal_there(offsets: Offsets) -> None:
            await candidate.final_check(comparison, offsets)
            if comparison.differences:
                raise SwitchAborted("rows differ")

        reason: Exception | None = None
        for _ in range(MAX_ATTEMPTS):
            try:
                await candidate.settle(comparison)
                if comparison.differences:
                    break
                paused = await candidate.switch().make(equal_there)
                return self._report("switched", candidate, comparison.rows, pause_ms=paused)
            except (SwitchAborted, ReadModelStalled) as error:
                reason = error
                if comparison.differences or isinstance(error, ReadModelStalled):
                    break
        return self._report("called_off", candidate, comparison.rows, detail=str(reason or ""))

    async def _other_version(self, candidate: Candidate, lease: Lease) -> Report:
        """Compare with a second fold; keep the candidate until a person accepts its digest."""
        twice = await self._folded_twice(candidate)
        if twice.differences:
            await candidate.drop()
            differences = tuple(twice.differences)
            return self._report("unstable", candidate, twice.rows, differences=differences)
        live = await candidate.compared()
        found = await digest(self._processor.tables, candidate.side, self._context.health)
        lease.kept = {"generation": candidate.generation, "version": self._processor.version, "digest": found}
        differences = tuple(live.differences)
        return self._report("needs_accept", candidate, twice.rows, digest=found, differences=differences)

    async def _folded_twice(self, candidate: Candidate) -> Comparison:
        context, scratch = self._context, self._scratch
        generation, processor = candidate.generation, context.fold(scratch)
        second = Replay(
            processor, context.log, scratch, context.health, generation, progress=context.progress, limit=SECOND_LIMIT
        )
        await second.begin()
        await second.to(candidate.replay.offsets)
        twice = Comparison(processor.tables, Side(scratch, generation), candidate.side, context.health)
        await twice.scan()
        await twice.final_check(())
        return twice

    async def _unseen(self, pointer: Pointer, generation: int) -> Report:
        """Catch up and switch without comparing."""
        candidate = Candidate(self._context, pointer, generation)
        await candidate.replay.begin()
        return await self._switched_unseen(candidate)

    async def _switched_unseen(self, candidate: Candidate) -> Report:
        detail = ""
        for _ in range(MAX_ATTEMPTS):
            await candidate.catch_up()
            try:
                paused = await candidate.switch().make(candidate.replay.to)
                return self._report("switched", candidate, pause_ms=paused)
            except SwitchAborted as error:
                detail = str(error)
        return self._report("called_off", candidate, detail=detail)

    def _report(self, outcome: Outcome, candidate: Candidate, rows: int = 0, **more: Any) -> Report:
        seconds, records = max(time.monotonic() - self._began, 1e-6), candidate.replay.records
        return Report(
            model=self._model,
            outcome=outcome,
            old=candidate.live.generation,
            new=candidate.generation,
            rows=rows,
            records=records,
            seconds=round(seconds, 3),
            records_per_s=round(records / seconds, 1),
            **more,
        )
