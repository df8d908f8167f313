"""The gateway returns the sockets of live nodes; without their server the last known ones."""

import asyncio

from core.ports.event_log import Unavailable
from edge.gateway.live_sockets import LiveSockets
from projections.ephemeral.in_process import InProcessNodeRegistry

HERE = "ws://127.0.0.1:3002/socket"
ONE, TWO = "ws://one/socket", "ws://two/socket"


class Frail(InProcessNodeRegistry):
    """A registry that counts its reads, and may be down."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.down = 0, False

    async def announced(self) -> list[str]:
        self.asked += 1
        if self.down:
            raise Unavailable("Redis: down")
        return await super().announced()


def forgetful(presence: Frail) -> LiveSockets:
    """Sockets whose answers are outdated at once."""
    return LiveSockets(presence, [HERE], fresh_s=0)


async def test_live_nodes_are_returned_without_withdrawn_ones() -> None:
    presence = Frail()
    sockets = forgetful(presence)
    await presence.announce("1", ONE, 60)
    await presence.announce("2", TWO, 60)
    assert sorted(await sockets.urls()) == [ONE, TWO]
    await presence.withdraw("1")
    assert await sockets.urls() == [TWO]


async def test_default_url_is_returned_before_the_first_node() -> None:
    assert await forgetful(Frail()).urls() == [HERE]


async def test_last_live_nodes_are_returned_while_server_is_down() -> None:
    presence = Frail()
    sockets = forgetful(presence)
    presence.down = True
    assert await sockets.urls() == [HERE]
    presence.down = False
    await presence.announce("1", ONE, 60)
    assert await sockets.urls() == [ONE]
    presence.down = True
    assert await sockets.urls() == [ONE]


async def test_empty_answer_keeps_the_last_list() -> None:
    presence = Frail()
    sockets = forgetful(presence)
    await presence.announce("1", ONE, 60)
    assert await sockets.urls() == [ONE]
    await presence.withdraw("1")
    assert await sockets.urls() == [ONE]


async def test_concurrent_requests_share_one_read() -> None:
    presence = Frail()
    await presence.announce("1", ONE, 60)
    sockets = LiveSockets(presence, [HERE])
    answers = await asyncio.gather(*(sockets.urls() for _ in range(100)))
    assert (presence.asked, answers) == (1, [[ONE]] * 100)


async def test_urls_are_shuffled() -> None:
    presence = Frail()
    for n in range(4):
        await presence.announce(str(n), f"ws://{n}/socket", 60)
    sockets = LiveSockets(presence, [HERE])
    first = {(await sockets.urls())[0] for _ in range(200)}
    assert len(first) == 4
