"""Rebuilding while people chat: equal rows, every effect once, a short pause; and its failures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from core.ports.documents import Changes, Documents, Row, Table, TableGeneration, Write
from core.ports.effects import Effects
from projections.generations import Pointer, name_of
from projections.stores.memory import MemoryDocuments
from schemas import ids
from schemas.topics import MESSAGE_SENT, Partition
from streams.processors.messages import Messages
from streams.rebuild.rebuild import Refused, Report, rebuild, rollback
from streams.rebuild.write_tracking import TrackedDocuments
from streams.runtime.gate import confirmation_of
from streams.runtime.lineage import acknowledged
from streams.runtime.processor import Processor
from tests.eventually import eventually
from tests.streams.world import (
    HEADS,
    PARTICIPANTS,
    ROWS,
    TENANT,
    RecordingEmitter,
    ShortLog,
    World,
    edited,
    joined,
    opened,
    said,
    titled,
)


async def rebuilt(world: World, pause_s: float = 2.0, accept: str | None = None, replace: str | None = None) -> Report:
    async with asyncio.timeout(60):
        return await rebuild(
            world.fold,
            world.log,
            world.documents,
            world.health,
            scratch=MemoryDocuments(),
            progress=world.progress,
            pause_s=pause_s,
            accept=accept,
            replace=replace,
        )


@asynccontextmanager
async def chatting(world: World, rooms: int = 7) -> AsyncIterator[list[int]]:
    """Write and edit messages during the block; yields their count."""
    count = [0]

    async def chat() -> None:
        while True:
            n = count[0] = count[0] + 1
            room = f"room {n % rooms}"
            await world.append(said(room, n))
            if n % 5 == 0:
                await world.append(edited(room, n, f"better {n}"))
            await asyncio.sleep(0.001)

    task = asyncio.create_task(chat(), name="chat")
    try:
        yield count
    finally:
        task.cancel()
        await asyncio.wait([task])


async def filled(world: World, count: int = 300) -> None:
    for n in range(100_000, 100_000 + count):
        await world.append(said(f"room {n % 7}", n))
        if n % 3 == 0:
            await world.append(edited(f"room {n % 7}", n, "better"))


def row_of(n: int) -> str:
    return ids.message_id(TENANT, f"room {n % 7}", "ann", f"room {n % 7}-{n}")


def check_pushed_once(world: World) -> None:
    """Check that no change was pushed twice, and every message was pushed (with an edit that was read before it)."""
    counted = world.emitter.counted()
    assert set(counted.values()) == {1}
    for room in {room for room, _, _ in counted}:
        numbers = sorted(n for one, lane, n in counted if (one, lane) == (room, "sent"))
        assert numbers == list(range(1, len(numbers) + 1))


async def wait_until_pushed(world: World) -> None:
    """Wait until all of the log is saved and pushed: a worker may be stopped between the two."""
    await world.passed()
    await eventually(lambda: pushed(world), within=20)


async def pushed(world: World) -> bool:
    rows = (await world.rows((await world.pointer()).live))["messages"].values()
    sent = {(row["conversation_id"], "sent", row["sent"]["n"]) for row in rows if "sent" in row}
    return sent <= world.emitter.counted().keys()


async def test_rebuild_and_switch_do_not_disturb_a_chat(world: World) -> None:
    await filled(world)
    async with world.working(), chatting(world) as count:
        await world.passed()
        report = await rebuilt(world)
        at_switch = count[0]
        await eventually(lambda: count[0] > at_switch + 50)
        old = await world.rows(1)
    async with world.working():
        await wait_until_pushed(world)
    assert report.outcome == "switched", report
    assert report.pause_ms is not None and report.pause_ms < 2000
    assert report.rows > 300 and report.records > 400 and report.records_per_s > 0
    assert (await world.pointer()).live == report.new == 2
    live = await world.rows(2)
    fresh = await folded(world)
    assert live == fresh
    assert old["messages"].keys() < live["messages"].keys()
    check_pushed_once(world)
    assert {push.generation for push in world.emitter.pushes} == {1, 2}
    assert sum(lane == "sent" for _, lane, _ in world.emitter.counted()) == len(live["messages"])


async def folded(world: World) -> dict[str, dict[str, Row]]:
    """Return the rows of a separate fold of the log."""
    other = World(world.model)
    other.log = world.log
    async with other.working(limit=7):
        await other.passed()
    return await other.rows(1)


async def test_generations_of_pushes_never_decrease(world: World) -> None:
    async with world.working(), chatting(world):
        await rebuilt(world)
        await world.passed()
    generations = [push.generation for push in world.emitter.pushes]
    assert generations == sorted(generations)


async def test_restart_continues_in_the_new_generation_and_repeats_nothing(world: World) -> None:
    await filled(world, 50)
    async with world.working():
        await world.passed()
        assert (await rebuilt(world)).outcome == "switched"
    async with world.working():
        await world.append(said("room 1", 1))
        await wait_until_pushed(world)
    check_pushed_once(world)
    assert world.emitter.pushes[-1].generation == 2


class StuckAfterSwitch(RecordingEmitter):
    """An emitter that emits nothing of generation 2 and then never returns."""

    async def emit(self, effects: Effects) -> None:
        if any(push.generation == 2 for push in effects.hints):
            await asyncio.Event().wait()
        await super().emit(effects)


async def test_worker_killed_after_the_switch_emits_everything(world: World) -> None:
    await filled(world, 50)
    world.emitter = kept = StuckAfterSwitch()
    async with world.working() as task:
        await world.passed()
        assert (await rebuilt(world)).outcome == "switched"
        await world.documents.drop([], (acknowledged("messages"), 2))  # as if it had not written its marks
        await world.append(said("room 1", 1))
        await world.passed()
        world.documents.down = True
        task.cancel()
        await asyncio.wait([task])
    world.documents.down = False
    before, world.emitter = len(kept.pushes), RecordingEmitter()
    async with world.working():
        await eventually(lambda: bool(world.emitter.pushes))
    assert before > 0
    assert [push.lane for push in world.emitter.pushes] == ["sent"]


async def test_progress_is_reported_up_to_the_end(world: World) -> None:
    await filled(world, 200)
    async with world.working():
        await world.passed()
        report = await rebuilt(world)
    assert world.progress_reports[-1] == (report.records, report.records)
    assert [done for done, _ in world.progress_reports] == sorted(done for done, _ in world.progress_reports)


async def test_conversations_are_rebuilt_equal_with_any_batches(world: World) -> None:
    world.use_model("conversations")
    for n in range(40):
        room = f"room {n % 4}"
        await world.append(opened(room, "bob"), joined(room, f"user {n}", n), titled(room, f"title {n}"))
    async with world.working(limit=3):
        await world.passed()
        report = await rebuilt(world)
    assert report.outcome == "switched", str(report)
    assert (await world.rows(2))[PARTICIPANTS.name] == (await world.rows(1))[PARTICIPANTS.name]


async def test_manually_changed_row_is_reported_and_the_rebuild_refused(world: World) -> None:
    await filled(world)
    async with world.working(), chatting(world):
        await world.passed()
        world.documents.change(TableGeneration(ROWS, 1), row_of(100_050), "sent", text="never said")
        report = await rebuilt(world)
    assert report.outcome == "differs"
    [difference] = report.differences
    assert (difference.table, difference.id, difference.what) == ("messages", row_of(100_050), "sent")
    assert difference.expected["text"] == "text 100050" and difference.found["text"] == "never said"
    pointer = await world.pointer()
    assert (pointer.live, pointer.pause) == (1, None)
    assert world.documents.generations("messages") == {1}


async def test_manually_removed_or_changed_row_is_reported(world: World) -> None:
    await filled(world, 30)
    async with world.working():
        await world.passed()
        world.documents.lose_row(TableGeneration(ROWS, 1), row_of(100_003))
        world.documents.change(TableGeneration(HEADS, 1), "room 1", "sent", pos=2**40)
        report = await rebuilt(world)
    assert report.outcome == "differs"
    assert {(one.table, one.id, one.what) for one in report.differences} == {
        ("messages", row_of(100_003), "row"),
        ("heads", "room 1", "sent"),
    }


async def test_row_changed_at_the_last_moment_is_found_in_the_pause(world: World) -> None:
    await filled(world, 30)
    changed: list[str] = []

    def change(name: str) -> None:
        if name.startswith("paused") and not changed:
            changed.append(world.documents.newest(TableGeneration(ROWS, 1), "sent"))
            world.documents.change(TableGeneration(ROWS, 1), changed[0], "sent", text="never said")

    world.documents.on_pointer_set = change
    async with world.working(), chatting(world, rooms=1):
        await world.passed()
        report = await rebuilt(world)
        await world.passed()
    assert report.outcome == "differs"
    assert [one.id for one in report.differences] == changed
    assert (await world.pointer()).live == 1 and (await world.pointer()).pause is None
    check_pushed_once(world)


async def test_rows_that_differ_are_replaced_with_a_reason(world: World) -> None:
    async with world.working():
        await world.append(*(said("room", n) for n in range(9)))
        await world.passed()
        row_id = world.documents.newest(TableGeneration(ROWS, 1), "sent")
        world.documents.lose_row(TableGeneration(ROWS, 1), row_id)
        report = await rebuilt(world, replace="a row was deleted by hand")
        assert (report.outcome, report.reason) == ("switched", "a row was deleted by hand")
        assert [(one.id, one.what) for one in report.differences] == [(row_id, "row")]
        assert report.detail.startswith("restart the nodes")
        await world.append(said("room", 9))
        await world.passed()
    assert sorted(row["sent"]["n"] for row in (await world.rows(2))["messages"].values()) == list(range(1, 11))
    assert world.emitter.counted() == {("room", "sent", n): 1 for n in range(1, 11)}


@pytest.mark.parametrize("table", [ROWS, HEADS])
async def test_lost_rows_are_rebuilt_and_waiting_records_continue(world: World, table: Table) -> None:
    async with world.working():
        await world.append(*(said("room", n) for n in range(9)))
        await world.passed()
        world.documents.lose(TableGeneration(table, 1))
        await eventually(lambda: "are gone" in world.health.waiting.get("messages: tables", ""), within=10)
        await world.append(said("room", 9))
        await eventually(lambda: "are gone" in world.health.waiting.get("messages: rows", ""))
        report = await rebuilt(world, replace="it was dropped")
        assert (report.outcome, report.detail) == ("switched", f"{table.name} of generation 1 was lost")
        await world.passed()
        await eventually(lambda: world.health.ready, within=10)
    assert sorted(row["sent"]["n"] for row in (await world.rows(2))["messages"].values()) == list(range(1, 11))
    assert world.emitter.counted() == {("room", "sent", n): 1 for n in range(1, 11)}


async def test_second_concurrent_rebuild_is_refused(world: World) -> None:
    await filled(world)
    async with world.working():
        await world.passed()
        first, second = await asyncio.gather(rebuilt(world), rebuilt(world), return_exceptions=True)
    assert isinstance(first, Report) and first.outcome == "switched"
    assert isinstance(second, Refused) and second.code == "rebuild_running"
    assert (await world.pointer()).newest == 2


async def test_dead_rebuild_is_taken_over_and_its_candidate_dropped(world: World) -> None:
    await filled(world, 100)
    async with world.working():
        await world.passed()
        dying = asyncio.create_task(rebuilt(world))
        await eventually(lambda: 2 in world.documents.generations("messages"))
        dying.cancel()
        await asyncio.wait([dying])
        report = await rebuilt(world)
    assert (report.outcome, report.new) == ("switched", 3)
    assert world.documents.generations("messages") == {1, 3}


async def test_generations_before_the_previous_one_are_dropped(world: World) -> None:
    await filled(world, 30)
    async with world.working():
        await world.passed()
        for new in (2, 3, 4):
            assert (await rebuilt(world)).new == new
    assert world.documents.generations("messages") == {2, 3, 4}


async def test_rebuild_without_a_worker_is_called_off(world: World) -> None:
    await filled(world, 30)
    async with world.working():
        await world.passed()
    report = await rebuilt(world, pause_s=0.1)
    assert report.outcome == "called_off" and "0.1 s" in report.detail
    assert (await world.pointer()).live == 1 and (await world.pointer()).pause is None
    assert world.documents.generations("messages") == {1}


async def test_dead_tool_stops_delivery_only_for_its_pause(world: World) -> None:
    async with world.working(), chatting(world):
        await eventually(lambda: bool(world.emitter.pushes))
        await eventually(lambda: version_recorded(world))
        known = await world.documents.pointer(name_of("messages"))
        assert known is not None
        pause = {"request": "of the dead", "seconds": 0.3}
        assert await world.documents.compare_and_set(name_of("messages"), {**known, "pause": pause}, known)
        name = confirmation_of("messages", Partition(MESSAGE_SENT, 0))
        await eventually(lambda: confirmed(world, name))
        pushes = len(world.emitter.pushes)
        await world.append(said("room 0", 0))
        while (await world.pointer()).pause is not None:
            assert len(world.emitter.pushes) == pushes
        await eventually(lambda: len(world.emitter.pushes) > pushes + 20)
        assert (await world.pointer()).pause is None
        assert world.health.counted["messages_pauses_taken_back"] >= 1
        await world.passed()
    check_pushed_once(world)


async def version_recorded(world: World) -> bool:
    return (await world.pointer()).version == Messages.version


async def confirmed(world: World, name: str) -> bool:
    return (await world.documents.pointer(name) or {}).get("request") == "of the dead"


@pytest.mark.parametrize("confirmations", [1, 5, 12])
async def test_store_outage_in_the_pause_loses_and_doubles_nothing(world: World, confirmations: int) -> None:
    await filled(world, 100)
    async with world.working(), chatting(world):
        await world.passed()
        world.documents.down_after = ("paused ", confirmations)
        running = asyncio.create_task(rebuilt(world, pause_s=1.0))
        await eventually(lambda: world.documents.down)
        await eventually(lambda: any("rebuild" in what or "switch" in what for what in world.health.waiting))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(running), 1.2)
        world.documents.down = False
        report = await running
        await world.passed()
        await eventually(lambda: not world.health.waiting)
    assert report.outcome == "switched", report
    async with world.working():
        await world.passed()
    check_pushed_once(world)
    assert await world.rows(2) == await folded(world)


async def test_log_without_its_beginning_is_refused_before_any_change(world: World) -> None:
    world.log = ShortLog(world.log.storage)
    await world.log.start()
    with pytest.raises(Refused, match=r"message\.sent/2") as refused:
        await rebuilt(world)
    assert refused.value.code == "log_truncated"
    assert await world.pointer() == Pointer()


class UpperCaseDocuments(TrackedDocuments):
    """Documents that save texts in capitals."""

    async def save(self, changes: Changes) -> frozenset[str]:
        rows = [(place, [_upper_case(write) for write in writes]) for place, writes in changes.rows]
        return await super().save(replace(changes, rows=rows))


def _upper_case(write: Write) -> Write:
    facets = {
        name: {**facet, "text": facet["text"].upper()} if "text" in facet else facet
        for name, facet in write.facets.items()
    }
    return replace(write, facets=facets)


class UpperCaseMessages:
    """The messages processor in a version that saves texts in capitals."""

    version = Messages.version + 1

    def __init__(self, documents: Documents) -> None:
        processor = Messages(UpperCaseDocuments(documents))
        self.name, self.topics, self.tables = processor.name, processor.topics, processor.tables
        self.prepare, self.apply, self.takes = processor.prepare, processor.apply, processor.takes


async def test_another_version_is_live_after_its_digest_is_accepted(world: World) -> None:
    await filled(world, 100)
    async with world.working(), chatting(world):
        await world.passed()
        world.fold = UpperCaseMessages
        seen = await rebuilt(world)
        assert seen.outcome == "needs_accept" and seen.digest is not None
        assert seen.differences[0].what == "sent"
        with pytest.raises(Refused, match="digest_unknown"):
            await rebuilt(world, accept="another")
        report = await rebuilt(world, accept=seen.digest)
    assert (report.outcome, report.new) == ("switched", seen.new)
    pointer = await world.pointer()
    assert (pointer.live, pointer.version, pointer.before_version) == (2, Messages.version + 1, Messages.version)
    texts = [row["sent"]["text"] for row in (await world.rows(2))["messages"].values() if row["sent"]["n"] < 5]
    assert texts and all(text == text.upper() for text in texts)


async def test_version_whose_two_folds_differ_is_refused(world: World) -> None:
    await filled(world, 30)

    def unstable(documents: Documents) -> Processor:
        found = UpperCaseMessages(documents)
        if type(documents) is MemoryDocuments:
            found.apply = Messages(documents).apply
        return found

    async with world.working():
        await world.passed()
        world.fold = unstable
        report = await rebuilt(world)
    assert report.outcome == "unstable" and report.differences
    assert world.documents.generations("messages") == {1}


async def test_rollback_returns_to_the_previous_generation(world: World) -> None:
    await filled(world, 50)
    async with world.working(), chatting(world):
        await world.passed()
        assert (await rebuilt(world)).outcome == "switched"
        report = await rollback(
            world.fold, world.log, world.documents, world.health, progress=world.progress, pause_s=2.0
        )
        await world.passed()
    assert (report.outcome, report.old, report.new) == ("switched", 2, 1)
    assert (await world.pointer()).live == 1
    async with world.working():
        await world.passed()
    assert await world.rows(1) == await folded(world)
    check_pushed_once(world)


async def test_rollback_needs_a_previous_generation(world: World) -> None:
    with pytest.raises(Refused, match="nothing_before"):
        await rollback(world.fold, world.log, world.documents, world.health, progress=world.progress)
