"""A node and a gateway are served on known ports until the block ends."""

from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from core.health import Health
from core.settings import Settings
from edge.compliance.app import ComplianceEntrance
from edge.composition import compose
from edge.composition.serving import (
    bound,
    compliance_open,
    gateway,
    health_site,
    kept_at,
    listening,
    node_name,
    port_of,
    ready,
    served,
    sockets_open,
    token_trail,
)
from edge.gateway.app import gateway_app
from edge.http.connection import ConnectionLimits
from edge.process.listening import PORT, SOCKET_PORT, CannotListen
from edge.socket.transport.server import Entrance, socket_app
from edge.tools.conformance.proxy import Straight, proxied

SETTINGS = Settings(token_secret="t" * 32, app_key="k", app_secret="s", drain_ms=100, port=0)


def at_port(port: int) -> Settings:
    return msgspec.structs.replace(SETTINGS, port=port)


async def test_checkpoints_are_kept_where_the_settings_say(tmp_path: Path) -> None:
    data, named = str(tmp_path / "data"), str(tmp_path / "named")
    for adapters, where, folder in (
        ("embedded", "", tmp_path / "data" / "checkpoints"),
        ("embedded", named, tmp_path / "named"),
        ("stack", named, tmp_path / "named"),
    ):
        found = kept_at(Settings(adapters=adapters, data=data, audit_checkpoints=where))
        assert found is not None
        await found.keep("acme", 1, f"{adapters} {where}\n")
        assert (folder / "tenant-acme").is_dir()
    assert kept_at(Settings(adapters="stack", data=data)) is None


@pytest.mark.parametrize(("seconds", "signed"), [(3600, True), (0, False)])
async def test_checkpoints_are_signed_unless_the_settings_say_never(tmp_path: Path, seconds: int, signed: bool) -> None:
    settings = msgspec.structs.replace(
        SETTINGS, data=str(tmp_path / "data"), audit_seed="00" * 32, audit_checkpoint_s=seconds
    )
    health = Health()
    async with (
        compose.opened(compose.embedded(settings), health) as found,
        compliance_open(found, settings, ComplianceEntrance(health), health),
    ):
        assert ("audit_checkpoint_age_seconds" in health.gauges()) == signed


def test_node_name_is_unique_unless_set() -> None:
    assert node_name(SETTINGS) != node_name(SETTINGS)
    assert node_name(Settings(node="socket-1")) == "socket-1"


async def test_taken_port_is_an_error_and_released_port_is_free() -> None:
    async with listening(web.Application(), SETTINGS, Health()) as port:
        with pytest.raises(OSError, match="in use"):
            async with listening(web.Application(), at_port(port), Health()):
                pytest.fail("two listen")
    async with listening(web.Application(), at_port(port), Health()) as again:
        assert again == port


@pytest.mark.parametrize("setting", [PORT, SOCKET_PORT])
async def test_bind_error_names_the_address_and_the_setting(setting: str) -> None:
    with bound("127.0.0.1", 0) as at:
        port = port_of(at)
        with pytest.raises(CannotListen) as taken, bound("127.0.0.1", port, setting):
            pytest.fail("two hold it")
    assert str(taken.value).startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use: {setting} ")
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1:0: .*CAAS_HOST"), bound("192.0.2.1", 0):
        pytest.fail("an address of somebody else")


async def test_health_port_and_proxy_name_their_own_options() -> None:
    with bound("127.0.0.1", 0) as at:
        port = port_of(at)
        said = f"cannot listen on 127.0.0.1:{port}: Address already in use: {{}} names another port"
        with pytest.raises(CannotListen, match=said.format("--health-port")):
            async with health_site(SETTINGS, Health(), port):
                pytest.fail("two listen")
        with pytest.raises(CannotListen, match=said.format("--listen")):
            async with proxied("http://127.0.0.1:1", "ws://127.0.0.1:1", Straight, port=port):
                pytest.fail("two listen")


async def test_port_is_bound_before_it_is_served() -> None:
    with bound("127.0.0.1", 0) as at:
        with pytest.raises(OSError, match="in use"), bound("127.0.0.1", port_of(at)):
            pytest.fail("two hold it")
        app = gateway_app(gateway(SETTINGS, token_trail(SETTINGS, Health()), []), Health())
        async with (
            served(app, at, ConnectionLimits(SETTINGS, Health())),
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port_of(at)}/livez") as answer,
        ):
            assert answer.status == 200


async def test_gateway_returns_configured_socket_urls() -> None:
    app = gateway_app(
        gateway(SETTINGS, token_trail(SETTINGS, Health()), ["ws://one/socket", "ws://two/socket"]), Health()
    )
    async with listening(app, SETTINGS, Health()) as port, aiohttp.ClientSession() as session:
        url, shown = f"http://127.0.0.1:{port}/api/v1/auth/sdk/token", {"X-App-Key": "k", "X-App-Secret": "s"}
        async with session.post(url, headers=shown, json={"user_id": "ann"}) as answer:
            assert (await answer.json())["socket_urls"] == ["ws://one/socket", "ws://two/socket"]


async def test_node_is_ready_after_catch_up_and_stops_with_the_block(tmp_path: Path) -> None:
    health = Health()
    entrance = Entrance(health)
    settings = Settings(token_secret="t" * 32, data=str(tmp_path), drain_ms=100, port=0)
    async with (
        listening(socket_app(entrance, health), settings, health) as port,
        compose.opened(compose.embedded(settings), health) as found,
        sockets_open(found, settings, health, entrance) as sockets,
        aiohttp.ClientSession() as session,
    ):
        await ready(health)
        async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
            assert answer.status == 200
        token = sockets._tokens.issue("default", "ann")[0]
        bearer = {"Authorization": f"Bearer {token}"}
        async with session.ws_connect(f"http://127.0.0.1:{port}/socket", headers=bearer) as line:
            assert (await line.receive_json())["type"] == "hello"
            assert sockets.open == 1
    assert "draining" in health.waiting
