"""A node is listed for the gateways while it is ready, and not from the moment on in which it is asked to stop."""

import pytest

from core.health import Health
from core.ports.event_log import Unavailable
from core.settings import Settings
from edge.socket.transport import url_announcement
from edge.socket.transport.url_announcement import listed, public_url
from projections.ephemeral.in_process import InProcessNodeRegistry
from tests.eventually import eventually

URL = "ws://one/socket"


async def test_it_is_listed_while_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_announcement, "TTL_S", 0.3)
    monkeypatch.setattr(url_announcement, "EVERY_S", 0.05)
    presence, health = InProcessNodeRegistry(), Health()
    health.waits("memberships", "starting")

    async def is_listed() -> bool:
        return await presence.announced() == [URL]

    async def is_not_listed() -> bool:
        return not await is_listed()

    async with listed(presence, "one", URL, health):
        assert not await is_listed()
        health.goes_on("memberships")
        await eventually(is_listed)
        health.waits("memberships", "behind")
        await eventually(is_not_listed)
        health.goes_on("memberships")
        await eventually(is_listed)
    assert await presence.announced() == []


class Down(InProcessNodeRegistry):
    """Is away as long as a test says."""

    down = True

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        if self.down:
            raise Unavailable("Redis: down")
        await super().announce(node, url, ttl_s)

    async def withdraw(self, node: str) -> None:
        if self.down:
            raise Unavailable("Redis: down")
        await super().withdraw(node)


async def test_a_server_that_is_away_is_tried_again_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_announcement, "EVERY_S", 0.01)
    presence = Down()

    async def is_listed() -> bool:
        return await presence.announced() == [URL]

    async with listed(presence, "one", URL, Health()):
        presence.down = False
        await eventually(is_listed)
        presence.down = True


def test_where_clients_reach_it_is_set_or_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node-7")
    assert public_url(Settings(), 3002) == "ws://127.0.0.1:3002/socket"
    assert public_url(Settings(host="0.0.0.0"), 3002) == "ws://node-7:3002/socket"
    assert public_url(Settings(socket_public_url="wss://chat.example.com/s"), 3002) == "wss://chat.example.com/s"
