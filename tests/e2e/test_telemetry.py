"""A collector gets one trace of what a client sent, from its frame to the sockets of those who receive it."""

import ast
import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from edge.telemetry.otel_tracer import OtelTracer
from edge.telemetry.sampling import Sampling
from tests.e2e.collector import Collector, attributes, collecting
from tests.e2e.line import opened
from tests.e2e.up import Up, running
from tests.edge.socket.world import Person, room, send, world
from tests.eventually import eventually

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TEXT = "words-that-are-in-no-span"
PROCESSORS = {"messages", "search", "trace", "audit_events"}
"""Those that read `message.sent`."""


@pytest.fixture
async def traced(tmp_path: Path) -> AsyncIterator[tuple[Up, Collector]]:
    async with collecting() as collector:
        settings = {"CAAS_OTLP_ENDPOINT": collector.url, "CAAS_OTLP_INTERVAL_MS": "200", "CAAS_TRACE_RATIO": "0"}
        system = running(tmp_path, settings)
        up = await asyncio.to_thread(system.__enter__)  # the collector answers meanwhile
        try:
            yield up, collector
        finally:
            await asyncio.to_thread(system.__exit__, None, None, None)


def traceparent(trace: str, flags: str = "01") -> str:
    return f"00-{trace}-{CALLER}-{flags}"


def named(spans: Sequence[Span], name: str) -> Span:
    (found,) = [span for span in spans if span.name == name]
    return found


def path_of(spans: Sequence[Span], span: Span) -> list[str]:
    """Return the names from a span up to the one that the caller's is the parent of; every parent is there."""
    by_id = {one.span_id: one for one in spans}
    names = [span.name]
    while span.parent_span_id.hex() != CALLER:
        span = by_id[span.parent_span_id]
        names.append(span.name)
    return names


async def test_one_trace_leads_from_the_frame_to_the_deliveries(traced: tuple[Up, Collector]) -> None:
    up, collector = traced
    url, correlation_id = up.socket_url, str(uuid4())
    async with (
        opened(url, up.token("ann")) as ann,
        opened(url, up.token("ben")) as ben,
        opened(url, up.token("cy")) as cy,
    ):
        opening = {"participants": ["ben", "cy"], "client_key": "room"}
        room = (await ann.done("conversation:create", opening))["conversation_id"]
        said = {"conversation_id": room, "client_msg_id": "k1", "text": TEXT}
        around = {"correlation_id": correlation_id, "traceparent": traceparent(TRACE)}
        answer = await ann.ask("message:send", said, **around)
        assert answer["correlation_id"] == correlation_id
        for recipient in (ben, cy):
            assert (await recipient.push("message:new", text=TEXT))["correlation_id"] == correlation_id

        def complete() -> list[Span]:
            spans = collector.trace(TRACE)
            processed = [attributes(span.attributes) for span in spans if span.name == "process message.sent"]
            assert {one["caas.projection.name"] for one in processed} == PROCESSORS
            names = {span.name for span in spans}
            assert names >= {"deliver message:new", "send message.delivered", "process message.delivered"}
            assert names >= {"send audit.log", "process audit.log"}
            return spans

        spans = await eventually(complete, within=30)
        delivered = named(spans, "deliver message:new")
        assert path_of(spans, delivered) == ["deliver message:new", "send message.sent", "message:send"]
        assert attributes(delivered.attributes)["caas.ws.sessions"] == 3  # of the two recipients and the sender
        assert all(path_of(spans, span)[-1] == "message:send" for span in spans)
        assert len({span.span_id for span in spans}) == len(spans)
        sent = attributes(named(spans, "send message.sent").attributes)
        assert sent["messaging.message.conversation_id"] == correlation_id
        assert sent["messaging.destination.name"] == "message.sent"
        batches = [span for _, span in collector.spans if span.name == "process messages"]
        assert TRACE in {link.trace_id.hex() for batch in batches for link in batch.links}
        everything = "".join(str(span) for _, span in collector.spans)
        assert not any(word in everything for word in (TEXT, room, '"ann"', '"ben"', '"cy"', up.token("ann")))


async def test_the_trace_has_the_nodes_of_both_recipients(tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    tracer = OtelTracer(SimpleSpanProcessor(exporter), Resource({}), Sampling(1.0, 0), "caas")
    async with world(tmp_path) as (system, _):
        nodes = [system.node(name, tracer=tracer) for name in ("of-ann", "of-ben", "of-cy")]
        for node in nodes:
            await node.start()
        people = [Person(node, name) for node, name in zip(nodes, ("ann", "ben", "cy"), strict=True)]
        for person in people:
            await person.come()
        here = await room(people[0], "ben", "cy")
        await eventually(lambda: all(person.lane("conversation", here) for person in people))
        await send(people[0], here, TEXT)
        await eventually(lambda: all(person.texts() == [TEXT] for person in people))
        spans = exporter.get_finished_spans()
        delivered = [span for span in spans if span.name == "deliver message:new"]
        assert [(span.attributes or {})["caas.ws.sessions"] for span in delivered] == [1, 1, 1]
        (sent,) = [span for span in spans if span.name == "send message.sent"]
        assert {span.parent.span_id for span in delivered if span.parent} == {sent.context.span_id}
        for node in nodes:
            await node.stop()


async def test_a_rejected_command_is_traced_to_its_cause(traced: tuple[Up, Collector]) -> None:
    up, collector = traced
    async with opened(up.socket_url, up.token("ann")) as ann:
        nowhere = {"conversation_id": str(uuid4()), "client_msg_id": "k1", "text": TEXT}
        answer = await ann.ask("message:send", nowhere, traceparent=traceparent(TRACE))
        assert answer["error"]["code"] == "conversation_not_found"

        def complete() -> list[Span]:
            spans = collector.trace(TRACE)
            assert {span.name for span in spans} >= {
                "message:send",
                "send message.rejected",
                "process message.rejected",
            }
            return spans

        spans = await eventually(complete, within=30)
        refused = named(spans, "message:send")
        assert attributes(refused.attributes)["error.type"] == "conversation_not_found"
        assert refused.status.code == Status.STATUS_CODE_UNSET  # it was the caller's fault
        assert all(path_of(spans, span)[-1] == "message:send" for span in spans)


async def test_who_is_not_sampled_has_no_spans_and_metrics_come_all_the_same(traced: tuple[Up, Collector]) -> None:
    up, collector = traced
    unsampled = "0af7651916cd43dd8448eb211c80319c"
    async with opened(up.socket_url, up.token("ann")) as ann:
        await ann.ask("conversation:create", {"client_key": "a"}, traceparent=traceparent(unsampled, "00"))
        await ann.ask("conversation:create", {"client_key": "b"})
        await ann.ask("conversation:create", {"client_key": "c"}, traceparent=traceparent(TRACE))
        await eventually(lambda: named(collector.trace(TRACE), "send conversation.updated"), within=30)
        assert {span.trace_id.hex() for _, span in collector.spans if span.parent_span_id} == {TRACE}

        def measured() -> None:
            metrics = collector.metrics
            assert sum(point.as_double for point in metrics["caas.commands_received"].sum.data_points) == 3
            assert metrics["caas.ws_connections"].gauge.data_points[0].as_double == 1
            points = metrics["messaging.process.duration"].histogram.data_points
            assert "conversations" in {attributes(point.attributes)["caas.projection.name"] for point in points}

        await eventually(measured, within=30)


def imported(program: str, prefix: str) -> list[str]:
    """Return the modules with this prefix that a process has after this program."""
    shown = f"print(sorted(name for name in sys.modules if name.startswith({prefix!r})))"
    whole = f"import asyncio, sys\n{program}\n{shown}"
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = ast.literal_eval(done.stdout)
    return found


EMBEDDED = """
from core.settings import load
from edge.cli.up import system

async def main():
    async with system(load({environment}, data={data!r}, port=0)):
        pass

asyncio.run(main())
"""


def test_nothing_of_opentelemetry_is_imported_where_it_is_off(tmp_path: Path) -> None:
    program = EMBEDDED.format(environment={}, data=str(tmp_path / "data"))
    assert imported(program, "opentelemetry") == []


def test_our_part_of_it_is_not_imported_for_real_servers_either() -> None:
    """Some clients of servers import what is installed of OpenTelemetry by themselves."""
    assert imported("import edge.cli.worker, edge.composition.services, edge.composition.stack", "edge.telemetry") == []


def test_it_is_imported_where_it_is_on(tmp_path: Path) -> None:
    environment = {"CAAS_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    program = EMBEDDED.format(environment=environment, data=str(tmp_path / "data"))
    assert "opentelemetry.sdk.trace" in imported(program, "opentelemetry")


async def test_a_collector_that_is_away_ends_nothing(tmp_path: Path) -> None:
    away = {"CAAS_OTLP_ENDPOINT": "http://127.0.0.1:9", "CAAS_OTLP_INTERVAL_MS": "100", "CAAS_TRACE_RATIO": "1"}
    with running(tmp_path, away) as up:
        async with opened(up.socket_url, up.token("ann")) as ann:
            for n in range(10):
                await ann.done("conversation:create", {"client_key": str(n)})
        log = up.process.log
    assert "opentelemetry.exporter" in log.read_text() and "Traceback" not in log.read_text()
