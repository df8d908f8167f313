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
    assert json.loads(scanned)["entries"] == json.loads(printed)["entries"]
    verified = await caas("verify", "trace", "--json")
    assert json.loads(verified) == {"trace": []}
    assert [await asyncio.to_thread(process.stop) for process in (service, *workers)] == [0, 0, 0, 0]
