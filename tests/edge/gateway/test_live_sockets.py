"""The gateway names the sockets of the nodes that live; without their server those that lived last."""

import asyncio

from core.ports.event_log import Unavailable
from edge.gateway.live_sockets import LiveSockets
from projections.ephemeral.in_process import InProcessNodeRegistry

HERE = "ws://127.0.0.1:3002/socket"
ONE, TWO = "ws://one/socket", "ws://two/socket"


class Frail(InProcessNodeRegistry):
    """Counts how often it is asked, and may be down."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.down = 0, False

    async def announced(self) -> list[str]:
        self.asked += 1
        if self.down:
            raise Unavailable("Redis: down")
        return await super().announced()


def forgetful(presence: Frail) -> LiveSockets:
    """Whose every answer is too old at once."""
    return LiveSockets(presence, [HERE], fresh_s=0)


async def test_the_living_are_named_and_a_node_that_goes_is_not() -> None:
    presence = Frail()
    sockets = forgetful(presence)
    await presence.announce("1", ONE, 60)
    await presence.announce("2", TWO, 60)
    assert sorted(await sockets.urls()) == [ONE, TWO]
    await presence.withdraw("1")
    assert await sockets.urls() == [TWO]


async def test_before_any_node_came_it_names_where_one_would_be() -> None:
    assert await forgetful(Frail()).urls() == [HERE]


async def test_while_the_server_is_away_those_are_named_that_lived_last() -> None:
    presence = Frail()
    sockets = forgetful(presence)
    presence.down = True
    assert await sockets.urls() == [HERE]
    presence.down = False
    await presence.announce("1", ONE, 60)
    assert await sockets.urls() == [ONE]
    presence.down = True
    assert await sockets.urls() == [ONE]


async def test_a_server_that_lost_its_memory_empties_no_list() -> None:
    presence = Frail()
    sockets = forgetful(presence)
    await presence.announce("1", ONE, 60)
    assert await sockets.urls() == [ONE]
    await presence.withdraw("1")
    assert await sockets.urls() == [ONE]


async def test_many_at_once_ask_once() -> None:
    presence = Frail()
    await presence.announce("1", ONE, 60)
    sockets = LiveSockets(presence, [HERE])
    answers = await asyncio.gather(*(sockets.urls() for _ in range(100)))
    assert (presence.asked, answers) == (1, [[ONE]] * 100)


async def test_clients_are_spread_over_the_nodes() -> None:
    presence = Frail()
    for n in range(4):
        await presence.announce(str(n), f"ws://{n}/socket", 60)
    sockets = LiveSockets(presence, [HERE])
    first = {(await sockets.urls())[0] for _ in range(200)}
    assert len(first) == 4
