"""AnnouncedNodeRegistry announces each change after the registry has it, numbered."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from core.ports.event_log import Unavailable
from projections.ephemeral.in_process import InProcessBus, InProcessNodeRegistry
from projections.ephemeral.node_announcements import (
    CHANNEL,
    AnnouncedNodeRegistry,
    NodeAnnouncement,
    unpack_announcement,
)
from tests.contracts.hints import PresenceContract
from tests.eventually import eventually


class UnsteadyBus(InProcessBus):
    """A bus that can be down."""

    down = False

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        if self.down:
            raise Unavailable("no bus")
        await super().publish(messages)


@pytest.fixture
def bus() -> UnsteadyBus:
    return UnsteadyBus()


@pytest.fixture
def presence(bus: UnsteadyBus) -> AnnouncedNodeRegistry:
    return AnnouncedNodeRegistry(InProcessNodeRegistry(), bus, "life")


@pytest.fixture
async def heard(bus: UnsteadyBus) -> AsyncIterator[list[NodeAnnouncement]]:
    found: list[NodeAnnouncement] = []

    async def listen() -> None:
        async for payload in bus.subscribe(CHANNEL):
            found.append(unpack_announcement(payload))  # noqa: PERF401 - it never ends

    task = asyncio.create_task(listen(), name="listen")
    await asyncio.sleep(0)
    yield found
    task.cancel()


class TestAnnouncedNodeRegistry(PresenceContract):
    pass


async def test_each_change_is_announced_under_the_next_number(
    presence: AnnouncedNodeRegistry, heard: list[NodeAnnouncement]
) -> None:
    await presence.alive("one", 30)
    await presence.enter("one", ["a", "b"])
    await presence.leave("one", ["a"])
    await presence.forget("one")
    await eventually(lambda: len(heard) == 4)
    assert [(said.life, said.n, said.ttl_s) for said in heard] == [("life", n, 30) for n in (1, 2, 3, 4)]
    assert [(said.entered, said.left, said.stopped) for said in heard] == [
        ([], [], False),
        (["a", "b"], [], False),
        ([], ["a"], False),
        ([], [], True),
    ]


async def test_change_is_announced_when_the_registry_has_it(
    presence: AnnouncedNodeRegistry, heard: list[NodeAnnouncement]
) -> None:
    await presence.alive("one", 30)
    entering = asyncio.create_task(presence.enter("one", ["a"]))
    while not heard or not heard[-1].entered:
        before = await presence.nodes(["a"])
    assert before["a"] == {"one"}
    await entering


async def test_change_that_was_not_announced_leaves_a_gap(
    bus: UnsteadyBus, presence: AnnouncedNodeRegistry, heard: list[NodeAnnouncement]
) -> None:
    await presence.alive("one", 30)
    bus.down = True
    with pytest.raises(Unavailable):
        await presence.enter("one", ["a"])
    bus.down = False
    await presence.alive("one", 30)
    await eventually(lambda: len(heard) == 2)
    assert [said.n for said in heard] == [1, 3]
