"""A request is followed on the real servers: by the read model, which Faust keeps, and by the topics themselves."""

import asyncio
import json
import secrets
from typing import Any
from uuid import uuid4

import pytest

from schemas import envelope, ids
from schemas.envelope import Record
from schemas.events import MessageSent
from tests.e2e.processes import free_port, run
from tests.eventually import eventually
from tests.stack.live import LONG_S, Live, append, new_room
from tests.streams.world import AT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

OTHERS = 300


def sent(tenant: str, room: str, key: str, correlation_id: str) -> Record:
    message_id = ids.message_id(tenant, room, "ann", key)
    event = MessageSent(
        tenant=tenant,
        at=AT,
        conversation_id=room,
        message_id=message_id,
        sender="ann",
        client_msg_id=key,
        text="never in a trace",
        conversation_n=1,
    )
    return envelope.encode(event, event_id=message_id, source="/test", correlation_id=correlation_id, actor="ann")


def steps(printed: str) -> list[tuple[int, str, Any]]:
    """Return the depth, topic and action or stage of each entry."""
    entries = [(one["depth"], one["record"]) for one in json.loads(printed)["entries"]]
    return sorted((depth, one["topic"], one.get("stage", one.get("action"))) for depth, one in entries)


async def test_request_is_followed_in_the_read_model_and_in_the_topics(live: Live) -> None:
    tenant, port, traced = f"t{secrets.token_hex(4)}", free_port(), str(uuid4())
    environment = live.system.environment | {"CAAS_TENANT": tenant, "CAAS_COMPLIANCE_PORT": str(port)}

    async def caas(*arguments: str) -> str:
        return await asyncio.to_thread(run, *arguments, environment=environment, seconds=LONG_S)

    workers = [await asyncio.to_thread(live.worker, model=model) for model in ("messages", "audit_events", "trace")]
    service = live.system.spawn("compliance", "serve", "compliance", "--port", str(port), port=port)
    await asyncio.to_thread(service.wait_ready, 60)
    room = new_room()
    async with live.adapters() as found:
        await append(found, [sent(tenant, room, str(n), str(uuid4())) for n in range(OTHERS)])
        await append(found, [sent(tenant, room, "traced", traced)])
    wanted = [(0, "message.sent", None), (1, "audit.log", "message:send"), (1, "message.delivered", "persisted")]

    async def followed() -> str:
        """The worker reads all that other tests have left in the log first; until then the request is not found."""
        printed = await caas("trace", traced, "--json")
        assert steps(printed) == wanted
        return printed

    printed = await eventually(followed, within=120)
    assert "never in a trace" not in printed
    scanned = await caas("trace", traced, "--scan", "--json")
    found = json.loads(printed)["entries"]
    assert [one | {"applications": []} for one in found] == json.loads(scanned)["entries"]
    done = {one["processor"]: one for one in found[0]["applications"] if one["applied"]}
    assert {"messages", "audit_events", "trace"} <= done.keys()
    assert all(0 <= one["latency_ms"] < 240_000 for one in done.values())
    verified = await caas("verify", "trace", "--json")
    assert json.loads(verified) == {"trace": []}
    assert [await asyncio.to_thread(process.stop) for process in (service, *workers)] == [0, 0, 0, 0]


async def test_request_whose_worker_was_killed_shows_where_it_stands_and_later_that_it_arrived(live: Live) -> None:
    tenant, port, traced = f"t{secrets.token_hex(4)}", free_port(), str(uuid4())
    environment = live.system.environment | {"CAAS_TENANT": tenant, "CAAS_COMPLIANCE_PORT": str(port)}

    async def entries() -> list[Any]:
        printed = await asyncio.to_thread(run, "trace", traced, "--json", environment=environment, seconds=LONG_S)
        found: list[Any] = json.loads(printed)["entries"]
        return found

    def by_messages(entry: Any) -> Any:
        return next(one for one in entry["applications"] if one["processor"] == "messages")

    worker, follower = [await asyncio.to_thread(live.worker, model=model) for model in ("messages", "trace")]
    service = live.system.spawn("compliance", "serve", "compliance", "--port", str(port), port=port)
    await asyncio.to_thread(service.wait_ready, 60)
    await asyncio.to_thread(worker.kill)
    async with live.adapters() as found:
        await append(found, [sent(tenant, new_room(), "traced", traced)])

    async def stands() -> None:
        [entry] = await entries()
        assert by_messages(entry) == {"processor": "messages", "applied": False}

    await eventually(stands, within=120)
    again = await asyncio.to_thread(live.worker, model="messages")

    async def arrived() -> None:
        first, second = await entries()
        assert (first["record"]["topic"], second["record"].get("stage")) == ("message.sent", "persisted")
        assert by_messages(first)["latency_ms"] >= 0

    await eventually(arrived, within=120)
    assert [await asyncio.to_thread(process.stop) for process in (service, follower, again)] == [0, 0, 0]
