"""On the real servers one trace leads from a client's frame to the nodes of both recipients, over every process."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from core.settings import load
from deploy.local.stack import Stack
from edge.auth.tokens import Tokens
from tests.e2e.collector import Collector, attributes, collecting
from tests.e2e.line import opened
from tests.e2e.processes import Process, System, free_port
from tests.eventually import eventually

pytestmark = [pytest.mark.stack, pytest.mark.local, pytest.mark.timeout(300)]
MODELS = ("messages", "conversations", "audit_events", "trace")


@pytest.fixture
async def traced(stack: Stack, bootstrap: str, tmp_path: Path) -> AsyncIterator[tuple[System, Collector]]:
    """Three nodes and a worker with a collector."""
    assert bootstrap
    async with collecting() as collector:
        telemetry = {"CAAS_OTLP_ENDPOINT": collector.url, "CAAS_OTLP_INTERVAL_MS": "200", "CAAS_TRACE_RATIO": "0"}
        ours = {"CAAS_DATA": str(tmp_path / "data"), "CAAS_TENANT": f"t{secrets.token_hex(4)}"}
        system = System(tmp_path, {**stack.env(), **ours, **telemetry})
        try:
            for name in ("ann", "ben", "cy"):
                port = free_port()
                system.spawn(name, "serve", "socket", "--port", str(port), port=port)
            port = free_port()
            system.spawn("worker", "worker", *MODELS, "--health-port", str(port), port=port)
            for process in system.processes.values():
                await asyncio.to_thread(process.wait_ready, 90)
            yield system, collector
        finally:
            await asyncio.to_thread(system.stop)


def socket_of(process: Process) -> str:
    assert process.ready_url is not None
    return process.ready_url.replace("http:", "ws:").replace("/readyz", "/socket")


async def test_one_trace_has_every_process_on_the_way(traced: tuple[System, Collector]) -> None:
    system, collector = traced
    settings, trace = load(system.environment), uuid4().hex
    tokens = Tokens(settings.token_secret, settings.token_ttl_s)

    def arguments(user: str) -> tuple[str, str]:
        return socket_of(system.processes[user]), tokens.issue(settings.tenant, user)[0]

    async with (
        opened(*arguments("ann")) as ann,
        opened(*arguments("ben")) as ben,
        opened(*arguments("cy")) as cy,
    ):
        opening = {"participants": ["ben", "cy"], "client_key": "room"}
        room = (await ann.done("conversation:create", opening))["conversation_id"]
        said = {"conversation_id": room, "client_msg_id": "k1", "text": "followed"}
        correlation_id = str(uuid4())
        around = {"correlation_id": correlation_id, "traceparent": f"00-{trace}-{'cd' * 8}-01"}
        assert (await ann.ask("message:send", said, **around))["correlation_id"] == correlation_id
        for recipient in (ben, cy):
            assert (await recipient.push("message:new", text="followed"))["correlation_id"] == correlation_id

        def complete() -> None:
            assert len(collector.processes(trace, "deliver message:new")) == 3
            assert len(collector.processes(trace, "message:send")) == 1
            processed = [one for one in collector.trace(trace) if one.name == "process message.sent"]
            models = {attributes(one.attributes)["caas.projection.name"] for one in processed}
            assert models == {"messages", "audit_events", "trace"}
            assert {"send message.delivered", "send audit.log"} <= {one.name for one in collector.trace(trace)}

        await eventually(complete, within=60)
        known = {span.span_id for span in collector.trace(trace)} | {bytes.fromhex("cd" * 8)}
        assert all(span.parent_span_id in known for span in collector.trace(trace))
