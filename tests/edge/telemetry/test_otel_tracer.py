"""Spans have the ids that records and frames name, the parents that caused them, and links between batch and record."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from core.ports.event_log import Received, Unavailable
from edge.telemetry.otel_tracer import OtelTracer
from edge.telemetry.sampling import Sampling
from edge.telemetry.span_attributes import traceparent_in
from schemas import envelope, trace_context
from schemas.envelope import Record
from schemas.wire.frames import Push
from streams.runtime.record_decoder import dead_letter
from tests.given import CORRELATION, ROOM
from tests.schemas.samples import MESSAGE, SAMPLES
from tests.streams.world import stored

TRACE = "ab" * 16
CALLER = f"00-{TRACE}-{'cd' * 8}-01"
DERIVED = "5a0d4f1e-7b2c-5e9f-8d31-6c0b9a8f7e65"


class Traced:
    """A tracer, and the spans that it has made."""

    def __init__(self, ratio: float = 0.0) -> None:
        self.exporter = InMemorySpanExporter()
        spans = SimpleSpanProcessor(self.exporter)
        self.tracer = OtelTracer(spans, Resource({}), Sampling(ratio, 0), "kafka")

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def only(self) -> ReadableSpan:
        (found,) = self.spans
        return found


def ids_of(span: ReadableSpan) -> tuple[str, str]:
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str:
    return "" if span.parent is None else f"{span.parent.span_id:016x}"


def sent(cause: str = CALLER) -> Record:
    return envelope.encode(
        SAMPLES[0], event_id=MESSAGE, source="x", correlation_id=CORRELATION, actor="bob", cause=cause
    )


def derived() -> Record:
    return envelope.encode(
        SAMPLES[0],
        event_id=DERIVED,
        source="x",
        correlation_id=CORRELATION,
        actor="bob",
        causation_id=MESSAGE,
        cause=traceparent_in(sent().headers),
    )


def test_a_request_is_a_span_in_its_callers_trace() -> None:
    traced = Traced()
    context = traced.tracer.begin(CORRELATION, CALLER)
    assert trace_context.trace_id(context) == TRACE and trace_context.is_sampled(context)
    traced.tracer.answered("message:send", context, CALLER, time.perf_counter() - 0.5, "ok")
    span = traced.only()
    assert (span.name, span.kind, ids_of(span)) == (
        "message:send",
        SpanKind.SERVER,
        (TRACE, trace_context.span_id(context)),
    )
    assert parent_of(span) == "cd" * 8
    assert span.start_time is not None and span.end_time is not None
    assert 0.5 <= (span.end_time - span.start_time) / 1e9 < 5


def test_a_request_without_a_caller_is_the_root_of_the_trace_of_its_correlation_id() -> None:
    traced = Traced(ratio=1.0)
    context = traced.tracer.begin(CORRELATION, "")
    traced.tracer.answered("message:send", context, "", time.perf_counter(), "ok")
    assert ids_of(traced.only()) == (CORRELATION.replace("-", ""), trace_context.span_id(context))
    assert parent_of(traced.only()) == ""


@pytest.mark.parametrize(
    ("code", "status"), [("not_a_participant", StatusCode.UNSET), ("unavailable", StatusCode.ERROR)]
)
def test_an_error_is_named_and_a_failure_only_where_it_is_ours(code: str, status: StatusCode) -> None:
    traced = Traced()
    context = traced.tracer.begin(CORRELATION, CALLER)
    traced.tracer.answered("message:send", context, CALLER, time.perf_counter(), code)
    span = traced.only()
    assert span.attributes is not None and span.attributes["error.type"] == code
    assert span.status.status_code is status


async def test_an_append_is_the_span_that_its_record_names() -> None:
    traced, record = Traced(), sent()
    future = asyncio.get_running_loop().create_future()
    traced.tracer.appended(record, CALLER, future)
    assert traced.spans == ()
    future.set_result(1 << 48 | 12)
    await asyncio.sleep(0)
    span = traced.only()
    assert (span.name, span.kind) == ("send message.sent", SpanKind.PRODUCER)
    assert ids_of(span) == (TRACE, MESSAGE.replace("-", "")[:16])
    assert parent_of(span) == "cd" * 8
    assert span.attributes is not None and span.attributes["messaging.kafka.offset"] == 12


async def test_an_append_that_fails_says_why() -> None:
    traced, future = Traced(), asyncio.get_running_loop().create_future()
    traced.tracer.appended(sent(), CALLER, future)
    future.set_exception(Unavailable("down"))
    await asyncio.sleep(0)
    span = traced.only()
    assert span.attributes is not None and span.attributes["error.type"] == "Unavailable"
    assert span.status.status_code is StatusCode.ERROR


def test_a_derived_record_is_below_the_one_that_caused_it() -> None:
    traced = Traced()
    traced.tracer.derived([derived()], time.perf_counter())
    assert ids_of(traced.only()) == (TRACE, DERIVED.replace("-", "")[:16])
    assert parent_of(traced.only()) == MESSAGE.replace("-", "")[:16]


def test_a_dead_letter_is_below_its_record_and_not_the_same_span() -> None:
    traced, record = Traced(), sent()
    traced.tracer.derived([dead_letter(stored(record), "messages", "unreadable", "why")], time.perf_counter())
    span = traced.only()
    assert (span.name, parent_of(span)) == ("send dead.letter", MESSAGE.replace("-", "")[:16])
    assert ids_of(span)[1] != parent_of(span)


def test_a_batch_is_linked_to_its_sampled_records_and_they_to_it() -> None:
    traced, unsampled = Traced(), sent(cause="")
    received: list[Received] = [stored(sent(), 1), stored(unsampled, 2), stored(derived(), 3)]
    traced.tracer.processed("messages", received, time.perf_counter())
    batch, *records = traced.spans
    assert (batch.name, batch.kind, parent_of(batch)) == ("process messages", SpanKind.CONSUMER, "")
    assert batch.attributes is not None and batch.attributes["messaging.batch.message_count"] == 3
    assert [f"{link.context.span_id:016x}" for link in batch.links] == [parent_of(one) for one in records]
    assert [one.name for one in records] == ["process message.sent"] * 2
    assert all([link.context.span_id for link in one.links] == [batch.context.span_id] for one in records)
    assert {ids_of(one)[0] for one in records} == {TRACE}


def test_a_push_is_delivered_below_its_record() -> None:
    traced, context = Traced(), traceparent_in(sent().headers)
    push = Push(
        model="messages", generation=1, conversation_id=ROOM, frame=b"{}", lane="sent", n=1, traceparent=context
    )
    traced.tracer.delivered(push, 2)
    traced.tracer.delivered(replace(push, traceparent=""), 2)
    span = traced.only()
    assert (span.name, parent_of(span)) == ("deliver message:new", MESSAGE.replace("-", "")[:16])
    assert span.attributes == {"caas.ws.sessions": 2, "caas.projection.name": "messages"}


async def test_nothing_is_made_of_what_is_not_sampled() -> None:
    traced, future = Traced(), asyncio.get_running_loop().create_future()
    assert traced.tracer.begin(CORRELATION, "") == ""  # so that its records begin the trace of the correlation id
    context = traced.tracer.begin(CORRELATION, CALLER[:-1] + "0")
    assert trace_context.trace_id(context) == TRACE and context.endswith("-00")
    record = sent(cause=context)
    traced.tracer.answered("message:send", context, "", 0.0, "ok")
    traced.tracer.appended(record, context, future)
    future.set_result(1)
    await asyncio.sleep(0)
    traced.tracer.derived([record], 0.0)
    traced.tracer.processed("messages", [stored(record)], 0.0)
    assert traced.spans == ()
