"""A node is announced to the gateways while it is ready, until it is asked to stop."""

import pytest

from core.health import Health
from core.ports.event_log import Unavailable
from core.settings import Settings
from edge.socket.transport import url_announcement
from edge.socket.transport.url_announcement import public_url, url_announced
from projections.ephemeral.in_process import InProcessNodeRegistry
from tests.eventually import eventually

URL = "ws://one/socket"


async def test_ready_node_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_announcement, "TTL_S", 0.3)
    monkeypatch.setattr(url_announcement, "INTERVAL_S", 0.05)
    presence, health = InProcessNodeRegistry(), Health()
    health.waits("memberships", "starting")

    async def is_listed() -> bool:
        return await presence.announced() == [URL]

    async def is_not_listed() -> bool:
        return not await is_listed()

    async with url_announced(presence, "one", URL, health):
        assert not await is_listed()
        health.goes_on("memberships")
        await eventually(is_listed)
        health.waits("memberships", "behind")
        await eventually(is_not_listed)
        health.goes_on("memberships")
        await eventually(is_listed)
    assert await presence.announced() == []


class Down(InProcessNodeRegistry):
    """A registry that is down as long as the test says."""

    down = True

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        if self.down:
            raise Unavailable("Redis: down")
        await super().announce(node, url, ttl_s)

    async def withdraw(self, node: str) -> None:
        if self.down:
            raise Unavailable("Redis: down")
        await super().withdraw(node)


async def test_announcement_is_retried_while_server_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_announcement, "INTERVAL_S", 0.01)
    presence = Down()

    async def is_listed() -> bool:
        return await presence.announced() == [URL]

    async with url_announced(presence, "one", URL, Health()):
        presence.down = False
        await eventually(is_listed)
        presence.down = True


def test_public_url_is_the_setting_or_the_listening_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node-7")
    assert public_url(Settings(), 3002) == "ws://127.0.0.1:3002/socket"
    assert public_url(Settings(host="0.0.0.0"), 3002) == "ws://node-7:3002/socket"
    assert public_url(Settings(socket_public_url="wss://chat.example.com/s"), 3002) == "wss://chat.example.com/s"
