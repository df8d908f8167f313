"""Limits of users, addresses and nodes: what exceeds them is refused, and others are not affected."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from core.health import Health
from core.rate_limit import Rate
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.socket.commands.leased_limit import LeasedLimit
from edge.socket.commands.user_quotas import UserQuotas, user_quotas_of
from edge.socket.node import Node
from edge.socket.transport.admission import UNIDENTIFIED_COST
from projections.ephemeral.limits import InProcessLimits
from schemas.topics import partitions
from tests.edge.socket.transport.test_server import SECRET, Served, Ws, close_code
from tests.edge.socket.world import Person, World, room
from tests.eventually import eventually

HOUR = 3600
Serving = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serving(running: tuple[World, Node]) -> Serving:
    """Serve sockets of the node with these settings."""

    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Served]:
        served = Served(*running, **settings)
        await served.start()
        served.entrance.open(served.sockets)
        try:
            yield served
        finally:
            await served.stop()

    return start


def limited(found: World, node: Node, commands: int, limits: InProcessLimits | None = None) -> InProcessLimits:
    """Limit a user at this node to this number of commands, and then one an hour."""
    limits = limits or InProcessLimits()
    node.quotas = UserQuotas(found.health, LeasedLimit("commands", Rate(1 / HOUR, commands), limits))
    return limits


async def answers(who: Person, times: int) -> list[str]:
    """Send this number of commands one after another. Return the answers: ack or the error's code."""
    frames = [await who.ask("presence:get", users=[who.user]) for _ in range(times)]
    return [frame["error"]["code"] if frame["type"] == "error" else frame["type"] for frame in frames]


def user_limits(hello: dict[str, Any]) -> tuple[int, int, int]:
    """Return the user limits in `hello`: commands a second, their burst, and searches a minute."""
    limits: dict[str, int] = hello["data"]["limits"]
    return limits["user_commands_per_s"], limits["user_commands_burst"], limits["user_searches_per_min"]


# Commands of a user


async def test_command_beyond_the_limit_is_refused_with_a_retry_time(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    limited(found, node, 3)
    rejected = await found.log.end_offsets(partitions("message.rejected"))
    said = [await ann.ask("message:send", conversation_id=here, client_msg_id=f"{n}", text=f"{n}") for n in range(5)]
    assert [frame["type"] for frame in said] == ["ack", "ack", "ack", "error", "error"]
    error = said[4]["error"]
    assert (error["code"], error["retry"]) == ("rate_limited", True)
    assert 0 < error["retry_after_ms"] <= HOUR * 1000
    assert "3 at once" in error["detail"]
    assert said[4]["correlation_id"]
    await eventually(lambda: ann.texts() == ["0", "1", "2"])
    assert found.health.counted["rate_limited"] == 2
    assert await found.log.end_offsets(partitions("message.rejected")) == rejected


async def test_connections_of_a_user_share_one_limit(running: tuple[World, Node]) -> None:
    found, node = running
    phone, desk = await Person(node, "ann").come(), await Person(node, "ann").come()
    ben = await Person(node, "ben").come()
    limited(found, node, 6)
    through = [code for _ in range(5) for who in (phone, desk) for code in await answers(who, 1)]
    assert through == ["ack"] * 6 + ["rate_limited"] * 4
    assert await answers(ben, 6) == ["ack"] * 6


async def test_two_nodes_share_one_limit(running: tuple[World, Node]) -> None:
    found, node = running
    other = found.node("two")
    await other.start()
    try:
        limits = limited(found, node, 10)
        limited(found, other, 10, limits)
        here, there = await Person(node, "ann").come(), await Person(other, "ann").come()
        through = [code for _ in range(10) for who in (here, there) for code in await answers(who, 1)]
        assert (through.count("ack"), through.count("rate_limited")) == (10, 10)
    finally:
        await other.stop()


async def test_user_who_waited_may_send_again(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    node.quotas = UserQuotas(found.health, LeasedLimit("commands", Rate(50, 2), InProcessLimits()))
    assert await answers(ann, 2) == ["ack", "ack"]

    async def asks_again() -> bool:
        frame = await ann.ask("presence:get", users=["ann"])
        await asyncio.sleep((frame.get("error") or {"retry_after_ms": 0})["retry_after_ms"] / 1000)
        return frame["type"] == "ack"

    for _ in range(4):
        await eventually(asks_again)


async def test_commands_stay_in_order_while_waiting_for_tokens(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    limited(found, node, 60)  # leased in portions of six
    for n in range(30):
        await ann.say("message:send", conversation_id=here, client_msg_id=f"{n}", text=f"{n}")
    await eventually(lambda: ann.texts() == [f"{n}" for n in range(30)])


async def test_expensive_command_costs_several_tokens(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    limited(found, node, 10)
    assert (await ann.ask("sync", positions={}))["type"] == "synced"
    assert (await ann.ask("conversation:list"))["type"] == "ack"
    refused = await ann.ask("sync", positions={})
    assert (refused["error"]["code"], refused["error"]["retry"]) == ("rate_limited", True)
    assert "this one counts as 5" in refused["error"]["detail"]
    assert 3 * HOUR * 1000 < refused["error"]["retry_after_ms"] <= 4 * HOUR * 1000
    said = [await ann.ask("message:send", conversation_id=here, client_msg_id=f"{n}", text=f"{n}") for n in range(2)]
    assert [frame["type"] for frame in said] == ["ack", "error"]


async def test_command_above_the_burst_is_executed_on_a_full_budget(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    limited(found, node, 3)
    assert (await ann.ask("sync", positions={}))["type"] == "synced"
    assert await answers(ann, 1) == ["rate_limited"]


async def test_searches_have_their_own_limit(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    await room(ann, "ben")
    node.quotas = user_quotas_of(Settings(user_searches_per_min=3), InProcessLimits(), found.health)
    said = [await ann.ask("search:messages", text="heron") for _ in range(5)]
    assert [frame["type"] for frame in said] == ["ack"] * 3 + ["error"] * 2
    assert said[-1]["error"]["code"] == "rate_limited"
    assert "3 a minute" in said[-1]["error"]["detail"]
    assert 10_000 < said[-1]["error"]["retry_after_ms"] <= 20_000
    assert await answers(ann, 1) == ["ack"]


async def test_zero_means_no_limit(running: tuple[World, Node]) -> None:
    found, node = running
    settings = Settings(user_commands_per_s=0, user_commands_burst=1, user_searches_per_min=0)
    node.quotas = user_quotas_of(settings, InProcessLimits(), found.health)
    ann = await Person(node, "ann").come()
    (hello,) = ann.of("hello")
    assert user_limits(hello) == (0, 0, 0)
    assert await answers(ann, 30) == ["ack"] * 30


async def test_hello_has_the_limit(running: tuple[World, Node]) -> None:
    found, node = running
    settings = Settings(user_commands_per_s=7, user_commands_burst=9, user_searches_per_min=11)
    node.quotas = user_quotas_of(settings, InProcessLimits(), found.health)
    ann = await Person(node, "ann").come()
    (hello,) = ann.of("hello")
    assert user_limits(hello) == (7, 9, 11)


@pytest.mark.parametrize("searches", [1, 7, 30, 59, 61, 100_003])
def test_hello_has_the_search_limit_as_set(searches: int) -> None:
    quotas = user_quotas_of(Settings(user_searches_per_min=searches), InProcessLimits(), Health())
    assert quotas.limits["user_searches_per_min"] == searches


# Connections


async def hears(ws: Ws) -> Any:
    async with asyncio.timeout(5):
        return await ws.receive_json()


async def test_connection_beyond_the_user_limit_is_closed(serving: Serving) -> None:
    async with serving(user_connections=2) as served:
        first, second = await served.open("ann"), await served.open("ann")
        assert [(await hears(ws))["type"] for ws in (first, second)] == ["hello", "hello"]
        assert await close_code(await served.open("ann")) == 4507
        late = await served.open(None)
        await late.send_json({"id": 1, "type": "auth", "data": {"token": served.token("ann")}})
        assert await close_code(late) == 4507
        ben = await served.open("ben")
        assert (await hears(ben))["type"] == "hello"
        assert served.world.health.counted["user_connections_refused"] == 2
        await first.close()
        await eventually(lambda: served.sockets.open == 2)
        assert (await hears(await served.open("ann")))["type"] == "hello"


async def test_user_beyond_the_limit_cannot_connect_and_gets_a_retry_time(serving: Serving) -> None:
    async with serving() as served:
        limited(served.world, served.node, 2)
        for _ in range(2):
            assert (await hears(await served.open("ann")))["type"] == "hello"
        late = await served.open("ann")
        answered = await hears(late)
        assert (answered["id"], answered["error"]["code"]) == (None, "rate_limited")
        assert answered["error"]["retry_after_ms"] > 0
        assert await close_code(late) == 4429
        asking = await served.open(None)
        await asking.send_json({"id": "a", "type": "auth", "data": {"token": served.token("ann")}})
        answered = await hears(asking)
        assert (answered["id"], answered["error"]["code"]) == ("a", "rate_limited")
        assert (await hears(await served.open("ben")))["type"] == "hello"


async def refused(served: Served, **more: Any) -> tuple[int, dict[str, Any], aiohttp.ClientResponse]:
    """Return the status, the problem and the answer of a refused handshake."""
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", **more}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    async with served.session.get(f"{served.url}/socket", headers=headers) as answer:
        return answer.status, json.loads(await answer.read()), answer


async def test_full_node_refuses_before_the_handshake(serving: Serving) -> None:
    async with serving(node_connections=2) as served:
        first, _ = await served.open("ann"), await served.open(None)
        status, answered, answer = await refused(served)
        assert (status, answered["code"], answered["retry_after_ms"]) == (503, "unavailable", 1_000)
        assert answer.headers["Retry-After"] == "1"
        assert answer.content_type == "application/problem+json"
        assert served.world.health.counted["node_full"] == 1
        await first.close()
        await eventually(lambda: served.sockets.open == 1)
        assert (await hears(await served.open("ben")))["type"] == "hello"


async def test_address_with_too_many_handshakes_is_refused_before_the_next(serving: Serving) -> None:
    async with serving(handshakes_per_s=2, handshakes_burst=3) as served:
        for _ in range(3):
            await (await served.open("ann")).close()
        status, answered, answer = await refused(served)
        assert (status, answered["code"], answered["retry"]) == (429, "rate_limited", True)
        assert 0 < answered["retry_after_ms"] <= 500
        assert answer.headers["Retry-After"] == "1"
        assert answer.content_type == "application/problem+json"
        assert served.world.health.counted["handshakes_refused"] == 1

        async def comes_in() -> bool:
            return (await hears(await served.open("ann")))["type"] == "hello"  # type: ignore[no-any-return]

        await eventually(comes_in)


async def test_unidentified_sockets_use_up_the_handshakes_of_their_address(serving: Serving) -> None:
    async with serving(handshakes_per_s=1, handshakes_burst=2 * UNIDENTIFIED_COST + 3) as served:
        expired = Tokens(SECRET, 1, now=lambda: time.time() - 100).issue("acme", "ann")[0]
        known = [await served.open("ann") for _ in range(2)]
        assert await close_code(await served.open(None, headers={"Authorization": f"Bearer {expired}"})) == 4401
        for _ in range(2):
            await (await served.open(None)).close()
        await eventually(lambda: served.sockets.open == len(known))
        assert (await refused(served))[0] == 429


async def test_addresses_behind_our_proxy_are_counted_separately(serving: Serving) -> None:
    rate = {"handshakes_per_s": 1, "handshakes_burst": 1}
    async with serving(**rate, trusted_proxies="127.0.0.1") as served:
        for address in ("203.0.113.7", "203.0.113.8"):
            headers = {"Authorization": f"Bearer {served.token('ann')}", "X-Forwarded-For": address}
            assert (await hears(await served.open(headers=headers)))["type"] == "hello"
        assert (await refused(served, **{"X-Forwarded-For": "203.0.113.7"}))[0] == 429
    async with serving(**rate) as served:
        assert (await hears(await served.open("ann", headers=headers)))["type"] == "hello"
        assert (await refused(served, **{"X-Forwarded-For": "203.0.113.9"}))[0] == 429


async def test_page_of_foreign_origin_is_refused_before_the_handshake(serving: Serving) -> None:
    async with serving() as served:
        status, answered, answer = await refused(served, Origin="https://evil.example")
        assert (status, answered["code"], answered["retry"]) == (403, "forbidden_origin", False)
        assert answer.content_type == "application/problem+json"
        assert answered["type"] == "urn:caas:error:forbidden_origin"
        assert served.world.health.counted["origins_refused"] == 1
        for origin in ("http://127.0.0.1:8080", "http://localhost:5173"):
            headers = {"Authorization": f"Bearer {served.token('ann')}", "Origin": origin}
            assert (await hears(await served.open(headers=headers)))["type"] == "hello"
    async with serving(origins="https://one.example") as served:
        assert (await refused(served, Origin="http://127.0.0.1:8080"))[0] == 403
        headers["Origin"] = "https://one.example"
        assert (await hears(await served.open(headers=headers)))["type"] == "hello"


async def test_zero_limits_are_no_limits(serving: Serving) -> None:
    none = dict.fromkeys(("user_connections", "node_connections", "handshakes_per_s"), 0)
    async with serving(**none, handshakes_burst=1) as served:
        lines = [await served.open("ann") for _ in range(30)]
        assert {(await hears(ws))["type"] for ws in lines} == {"hello"}
