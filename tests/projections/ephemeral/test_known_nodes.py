"""KnownNodes answers from memory while it hears the nodes, and asks the registry otherwise."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import pytest

from projections.ephemeral import known_nodes
from projections.ephemeral.in_process import InProcessBus, InProcessNodeRegistry
from projections.ephemeral.known_nodes import KnownNodes
from projections.ephemeral.node_announcements import CHANNEL, AnnouncedNodeRegistry
from tests.eventually import eventually

LONG_S = 60.0


class LossyBus(InProcessBus):
    """A bus that loses on demand."""

    lose = False

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        await super().publish([] if self.lose else messages)


class Registry(InProcessNodeRegistry):
    """A registry that counts what it is asked, and answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        self.asked.append(list(conversations))
        found = await super().nodes(conversations)
        await self.may_answer.wait()
        return found


class System:
    """A worker's memory of the nodes `one` and `two`."""

    def __init__(self) -> None:
        self.bus, self.registry = LossyBus(), Registry()
        self.one = AnnouncedNodeRegistry(self.registry, self.bus, "one's life")
        self.two = AnnouncedNodeRegistry(self.registry, self.bus, "two's life")
        self.known = KnownNodes(self.registry, self.bus)
        self.entered: list[tuple[str, list[str]]] = []
        self.known.subscribe(self._note)

    async def _note(self, node: str, names: Collection[str]) -> None:
        self.entered.append((node, list(names)))

    async def live(self) -> None:
        await self.one.alive("one", LONG_S)
        await self.two.alive("two", LONG_S)
        await settle()

    async def nodes(self, name: str) -> frozenset[str]:
        return (await self.known.nodes([name]))[name]


async def settle() -> None:
    """Let what was announced be heard."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def system() -> AsyncIterator[System]:
    made = System()
    following = asyncio.create_task(made.known.follow(), name="follow")
    await asyncio.sleep(0)
    yield made
    following.cancel()


async def test_a_known_name_is_not_asked_for_again(system: System) -> None:
    await system.live()
    await system.one.enter("one", ["a"])
    await settle()
    assert [await system.nodes("a"), await system.nodes("a")] == [{"one"}, {"one"}]
    assert await system.nodes("b") == frozenset()
    await system.known.nodes(["a", "b", "c"])
    assert system.registry.asked == [["a"], ["b"], ["c"]]


async def test_announcements_keep_an_answer_current(system: System) -> None:
    await system.live()
    assert await system.nodes("a") == frozenset()
    await system.one.enter("one", ["a"])
    await system.two.enter("two", ["a", "b"])
    await settle()
    assert await system.nodes("a") == {"one", "two"}
    await system.one.leave("one", ["a"])
    await settle()
    assert await system.nodes("a") == {"two"}
    assert system.registry.asked == [["a"]]
    assert system.entered == [("one", ["a"]), ("two", ["a", "b"])]


async def test_change_during_a_question_is_in_its_answer(system: System) -> None:
    await system.live()
    await system.one.enter("one", ["a"])
    system.registry.may_answer.clear()
    asking = asyncio.create_task(system.known.nodes(["a"]))
    await settle()
    await system.two.enter("two", ["a"])
    await system.one.leave("one", ["a"])
    await settle()
    system.registry.may_answer.set()
    assert (await asking)["a"] == {"two"}
    assert await system.nodes("a") == {"two"}
    assert system.registry.asked == [["a"]]


async def test_lost_announcement_is_found_at_the_next_one(system: System) -> None:
    await system.live()
    assert await system.nodes("a") == frozenset()
    system.bus.lose = True
    await system.one.enter("one", ["a"])
    system.bus.lose = False
    await settle()
    assert await system.nodes("a") == frozenset()
    await system.one.alive("one", LONG_S)
    await settle()
    assert await system.nodes("a") == {"one"}


async def test_answer_to_a_question_before_a_gap_is_not_kept(system: System) -> None:
    await system.live()
    system.registry.may_answer.clear()
    asking = asyncio.create_task(system.known.nodes(["a"]))
    await settle()
    system.bus.lose = True
    await system.one.enter("one", ["a"])
    system.bus.lose = False
    await system.one.alive("one", LONG_S)
    await settle()
    system.registry.may_answer.set()
    assert (await asking)["a"] == frozenset()
    assert await system.nodes("a") == {"one"}


async def test_doubled_announcement_changes_nothing(system: System) -> None:
    await system.live()
    heard = system.bus.subscribe(CHANNEL)
    first = asyncio.create_task(anext(heard))
    await asyncio.sleep(0)
    await system.one.enter("one", ["a"])
    payload = await first
    await system.one.leave("one", ["a"])
    await settle()
    assert await system.nodes("a") == frozenset()
    await system.bus.publish([(CHANNEL, payload)])
    await settle()
    assert await system.nodes("a") == frozenset()
    assert system.entered == [("one", ["a"])]


async def test_node_that_was_restarted_makes_all_names_unknown(system: System) -> None:
    await system.live()
    assert await system.nodes("a") == frozenset()
    await AnnouncedNodeRegistry(system.registry, system.bus, "one's next life").alive("one", LONG_S)
    await settle()
    await system.nodes("a")
    assert system.registry.asked == [["a"], ["a"]]


async def test_node_that_stopped_is_not_returned(system: System) -> None:
    await system.live()
    await system.one.enter("one", ["a"])
    assert await system.nodes("a") == {"one"}
    await system.one.forget("one")
    await settle()
    assert await system.nodes("a") == frozenset()


async def test_silent_node_is_asked_about(system: System) -> None:
    await system.live()
    await system.one.alive("one", 0.05)
    await system.one.enter("one", ["a"])
    await settle()
    assert await system.nodes("a") == {"one"}

    async def gone() -> None:
        assert await system.nodes("a") == frozenset()

    await eventually(gone)


async def test_without_following_every_name_is_asked_for() -> None:
    system = System()
    await system.one.alive("one", LONG_S)
    await system.one.enter("one", ["a"])
    assert [await system.nodes("a"), await system.nodes("a")] == [{"one"}, {"one"}]
    assert system.registry.asked == [["a"], ["a"]]


async def test_name_is_asked_for_once_in_a_while(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_nodes, "MAX_AGE_S", 0.0)
    await system.live()
    await system.nodes("a")
    await system.nodes("a")
    assert system.registry.asked == [["a"], ["a"]]


async def test_too_many_names_are_forgotten(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_nodes, "MAX_NAMES", 2)
    await system.live()
    for name in ("a", "b", "c", "c", "a"):
        await system.nodes(name)
    assert system.registry.asked == [["a"], ["b"], ["c"], ["a"]]


async def test_broken_announcement_makes_all_names_unknown(system: System) -> None:
    await system.live()
    await system.nodes("a")
    await system.bus.publish([(CHANNEL, b"\xc1")])
    await settle()
    await system.nodes("a")
    assert system.registry.asked == [["a"], ["a"]]
