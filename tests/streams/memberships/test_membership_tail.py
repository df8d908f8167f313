"""MembershipTail is a node's view of who is in which conversation."""

import asyncio
from collections.abc import Iterable

import pytest

from core.health import Health
from core.ports.event_log import LogTruncated, Unavailable
from core.ports.memberships import NotReady, ViewChange
from projections.stores.memory import MemoryDocuments
from schemas.envelope import Record
from schemas.topics import CONVERSATION_UPDATED, Partition
from streams.log.memory import MemoryLog
from streams.memberships import membership_tail
from streams.memberships.membership_tail import MembershipTail
from tests.eventually import eventually
from tests.streams.memberships.tailing import tailing
from tests.streams.world import TENANT, joined, left, opened, said, titled


async def append(log: MemoryLog, *records: Record) -> None:
    await asyncio.gather(*(log.append(record) for record in records))


async def test_view_folds_old_and_new_records(log: MemoryLog) -> None:
    await append(log, opened("room", "bob"))
    async with tailing(log, MemoryDocuments()) as tail:
        for user in ("bob", "cid"):
            await tail.follow(TENANT, user)
        assert await tail.wait_for("room", 1)
        await append(log, joined("room", "cid", 4))
        assert await tail.wait_for("room", 2)
        room = tail.get("room")
        assert room is not None and room.is_member("cid") and room.n == 2
        assert tail.of_user(TENANT, "cid") == tail.present_of_user(TENANT, "cid") == {"room"}
        await append(log, left("room", "cid", 4))
        assert await tail.wait_for("room", 3)
        assert (tail.of_user(TENANT, "cid"), tail.present_of_user(TENANT, "cid")) == ({"room"}, set())
        counts = await tail.counts_of_users(TENANT, ["bob", "cid", "nobody"])
        assert counts == {"bob": 1, "cid": 0, "nobody": 0}
        await append(log, joined("room", "cid", 5))
        assert await tail.wait_for("room", 4)
        assert (tail.of_user(TENANT, "cid"), tail.present_of_user(TENANT, "cid")) == ({"room"}, {"room"})
        assert tail.get("nowhere") is None
        assert tail.of_user("another tenant", "cid") == frozenset()


async def test_record_is_waited_for_by_its_position(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership_tail, "PROOF_S", 0.05)
    async with tailing(log, MemoryDocuments()) as tail:
        position = await log.append(opened("room"))
        await tail.pass_by("room", position)
        assert await tail.find("room") is not None
        with pytest.raises(NotReady):
            await tail.pass_by("room", position + 1)


async def test_repeated_record_counts_once(log: MemoryLog) -> None:
    await append(log, opened("room"), titled("room", "a"), titled("room", "a"), titled("room", "b"))
    async with tailing(log, MemoryDocuments()) as tail:
        assert await tail.wait_for("room", 3)
        await tail.prove("room")
        room = await tail.find("room")
        assert room is not None and (room.n, room.title) == (3, "b")


async def test_unreadable_records_count_and_foreign_ones_do_not(log: MemoryLog) -> None:
    unreadable = titled("room", "x")
    await append(
        log,
        opened("room"),
        Record(CONVERSATION_UPDATED, b"room", b"{", unreadable.headers),
        Record(CONVERSATION_UPDATED, b"room", b"{}"),
        titled("room", "b"),
    )
    async with tailing(log, MemoryDocuments()) as tail:
        await tail.prove("room")
        room = await tail.find("room")
        assert room is not None and (room.n, room.title) == (3, "b")


async def test_changes_are_reported_in_order_with_the_state_after_them(log: MemoryLog) -> None:
    changes: list[tuple[str, int]] = []

    def on_change(change: ViewChange) -> None:
        assert change.n == change.view.n
        changes.append((type(change.event).__name__, change.n))

    async with tailing(log, MemoryDocuments()) as tail:
        end = tail.subscribe(on_change)
        await eventually(lambda: tail.fresh)
        await tail.find("room")
        await append(log, opened("room"), joined("room", "bob"), titled("room", "a"))
        assert await tail.wait_for("room", 3)
        end()
        end()
        await append(log, titled("room", "b"))
        assert await tail.wait_for("room", 4)
    assert changes == [("ConversationCreated", 1), ("ParticipantsAdded", 2), ("ConversationChanged", 3)]


async def test_wait_for_a_missing_change_returns_false(log: MemoryLog) -> None:
    async with tailing(log, MemoryDocuments()) as tail:
        assert await tail.wait_for("room", 1, timeout_s=0.05) is False


async def test_proof_has_read_the_log_up_to_its_end(log: MemoryLog) -> None:
    async with tailing(log, MemoryDocuments()) as tail:
        for n in range(20):
            await append(log, opened(f"room {n}"))
            await tail.prove(f"room {n}")
            assert await tail.find(f"room {n}") is not None


async def test_proof_fails_without_a_running_tail(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership_tail, "PROOF_S", 0.05)
    await append(log, opened("room"))
    with pytest.raises(NotReady):
        await MembershipTail(log, MemoryDocuments(), Health()).prove("room")


async def test_view_is_fresh_once_it_has_passed_the_end(log: MemoryLog) -> None:
    health = Health()
    await append(log, opened("room"))
    async with tailing(log, MemoryDocuments(), health) as tail:
        assert not tail.fresh
        await eventually(lambda: tail.fresh)
        assert health.ready


class SilentLog(MemoryLog):
    """A log that can fail to return its ends."""

    unavailable = False

    async def end_offsets(self, places: Iterable[Partition]) -> dict[Partition, int]:
        if self.unavailable:
            raise Unavailable("no answer")
        return await super().end_offsets(places)


class FrozenLog(MemoryLog):
    """A log that can stop answering."""

    unavailable = False

    async def end_offsets(self, places: Iterable[Partition]) -> dict[Partition, int]:
        if self.unavailable:
            await asyncio.Event().wait()
        return await super().end_offsets(places)


@pytest.mark.parametrize("kind", [SilentLog, FrozenLog])
async def test_view_that_falls_behind_is_not_fresh_and_reported(
    monkeypatch: pytest.MonkeyPatch, kind: type[SilentLog | FrozenLog]
) -> None:
    monkeypatch.setattr(membership_tail, "STALE_S", 0.2)
    monkeypatch.setattr(membership_tail, "CHECK_INTERVAL_S", 0.05)
    log, health = kind(), Health()
    await log.start()
    async with tailing(log, MemoryDocuments(), health) as tail:
        await eventually(lambda: tail.fresh)
        log.unavailable = True
        await eventually(lambda: not tail.fresh)
        assert "memberships" in health.waiting
        log.unavailable = False
        await eventually(lambda: tail.fresh)
        assert health.ready


class ShortTopic(MemoryLog):
    """A log without the beginning of conversation.updated."""

    async def beginning_offsets(self, places: Iterable[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(places, 3)


async def test_topic_without_its_beginning_is_refused_without_a_read_model() -> None:
    log = ShortTopic()
    await log.start()
    with pytest.raises(LogTruncated, match=r"conversation.updated 0 up to 0, and the log begins at 3"):
        await MembershipTail(log, MemoryDocuments(), Health()).run()


async def test_view_ignores_messages(log: MemoryLog) -> None:
    async with tailing(log, MemoryDocuments()) as tail:
        await append(log, said("room", 1), opened("room"))
        await tail.prove("room")
        room = await tail.find("room")
        assert room is not None and room.n == 1
