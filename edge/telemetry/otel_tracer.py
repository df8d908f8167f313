"""OtelTracer makes OpenTelemetry's spans of the steps of requests.

A span is made when its step has ended. Its id is the one that the records, frames and pushes of the step named before,
so that nothing but a `traceparent` travels with them. So spans are made whole, as the exporter takes them: those that
the library begins have ids of their own, and take twice as long.
"""

import time
from asyncio import Future
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from core.ports.event_log import Received
from edge.telemetry import span_attributes
from edge.telemetry.sampling import Sampling
from edge.telemetry.span_attributes import Attributes, causation_in, is_sampled_in, traceparent_in
from schemas import trace_context
from schemas.envelope import Record
from schemas.topics import DEAD_LETTER
from schemas.wire.errors import ERRORS
from schemas.wire.frames import PUSH_OF_LANE, PUSH_OF_USER, USER, Push

OK: Final = "ok"
_PUSHES: Final = {**PUSH_OF_LANE, USER: PUSH_OF_USER}
_NS: Final = 1_000_000_000
_SCOPE: Final = InstrumentationScope("caas")
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_FINE: Final = Status(StatusCode.UNSET)


class _Step(NamedTuple):
    """A span to be: `own` is its context, empty for a random one, `parent` empty for none, `began` as of `Tracer`."""

    name: str
    kind: SpanKind
    own: str
    parent: str
    began: float


class OtelTracer:
    """The `Tracer` of one process: `spans` takes what is made, `resource` is the process, and `system` the messaging
    system as the conventions name it.
    """

    def __init__(self, spans: SpanProcessor, resource: Resource, sampling: Sampling, system: str) -> None:
        self._spans = spans
        self._resource = resource
        self._ids = RandomIdGenerator()
        self._sampling = sampling
        self._system = system

    def begin(self, correlation_id: str, caller: str) -> str:
        """Return the context of a new span: in the caller's trace, else in that of the correlation id; empty where
        nobody samples it, and no caller has a trace that goes on.
        """
        trace = trace_context.trace_id(caller) if caller else trace_context.trace_of_correlation(correlation_id)
        flags = self._sampling.flags(trace, caller)
        if not caller and flags == trace_context.NOT_SAMPLED:
            return ""
        return trace_context.make(trace, f"{self._ids.generate_span_id():016x}", flags)

    def answered(self, name: str, context: str, caller: str, began: float, outcome: str) -> None:
        """Report a request, as failed where that was our fault."""
        if trace_context.is_sampled(context):
            about: Attributes = {span_attributes.OUTCOME: outcome}
            error = "" if outcome == OK else outcome
            ours = bool(error) and ERRORS[outcome].status >= 500
            step = _Step(name, SpanKind.SERVER, context, caller, began)
            self._report(step, about, error=error, ours=ours)

    def appended(self, record: Record, cause: str, future: Future[int]) -> None:
        """Report the append of a sampled record when it is durable or has failed."""
        if is_sampled_in(record.headers):
            future.add_done_callback(partial(self._sent, record, cause, time.perf_counter()))

    def derived(self, records: Sequence[Record], began: float) -> None:
        """Report the sampled ones, below those that they name as their cause; a dead letter below the record itself."""
        for record in records:
            if not is_sampled_in(record.headers):
                continue
            context = traceparent_in(record.headers)
            cause, dead = causation_in(record.headers).replace("-", "")[:16], record.topic == DEAD_LETTER
            parent = context if dead or len(cause) < 16 else f"{context[:36]}{cause}{context[52:]}"
            about = span_attributes.of_record("send", self._system, record)
            own = "" if dead else context
            self._report(_Step(f"send {record.topic}", SpanKind.PRODUCER, own, parent, began), about)

    def processed(self, processor: str, received: Sequence[Received], began: float) -> None:
        """Report a batch with links to its sampled records, and each of these in its own trace with a link to it."""
        sampled = [(one, traceparent_in(one.headers)) for one in received if is_sampled_in(one.headers)]
        if not sampled:
            return
        about = span_attributes.of_batch(self._system, processor, len(received))
        links = [Link(_context_of(at)) for _, at in sampled]
        batch = Link(self._report(_Step(f"process {processor}", SpanKind.CONSUMER, "", "", began), about, links))
        for record, context in sampled:
            about = span_attributes.of_record("process", self._system, record)
            about |= {span_attributes.PROJECTION: processor, "messaging.consumer.group.name": f"caas-{processor}"}
            self._report(_Step(f"process {record.topic}", SpanKind.CONSUMER, "", context, began), about, [batch])

    def delivered(self, push: Push, sessions: int) -> None:
        """Report the hand-over of a sampled push to the sockets of this node."""
        if trace_context.is_sampled(push.traceparent):
            about: Attributes = {span_attributes.SESSIONS: sessions, span_attributes.PROJECTION: push.model}
            name = f"deliver {_PUSHES.get(push.lane, push.lane)}"
            self._report(_Step(name, SpanKind.CONSUMER, "", push.traceparent, time.perf_counter()), about)

    def _sent(self, record: Record, cause: str, began: float, future: Future[int]) -> None:
        failure = "cancelled" if future.cancelled() else type(error).__name__ if (error := future.exception()) else ""
        about = span_attributes.of_record("send", self._system, record)
        if not failure:
            about |= span_attributes.of_position(future.result())
        context, name = traceparent_in(record.headers), f"send {record.topic}"
        step = _Step(name, SpanKind.PRODUCER, context, cause, began)
        self._report(step, about, error=failure, ours=bool(failure))

    def _report(
        self, step: _Step, about: Attributes, links: Sequence[Link] = (), *, error: str = "", ours: bool = False
    ) -> SpanContext:
        """Report a span that ends now."""
        parent = _context_of(step.parent) if step.parent else None
        now = time.time_ns()
        context = _context_of(step.own) if step.own else self._new(parent)
        span = ReadableSpan(
            step.name,
            context,
            parent,
            self._resource,
            about | {span_attributes.ERROR: error} if error else about,
            links=links,
            kind=step.kind,
            status=Status(StatusCode.ERROR, error) if ours else _FINE,
            start_time=now - max(0, int((time.perf_counter() - step.began) * _NS)),
            end_time=now,
            instrumentation_scope=_SCOPE,
        )
        self._spans.on_end(span)
        return context

    def _new(self, parent: SpanContext | None) -> SpanContext:
        """Return the context of a span that nothing names, in the trace of its parent if it has one."""
        trace = self._ids.generate_trace_id() if parent is None else parent.trace_id
        return SpanContext(trace, self._ids.generate_span_id(), is_remote=False, trace_flags=_SAMPLED)


def _context_of(context: str) -> SpanContext:
    trace, span = int(trace_context.trace_id(context), 16), int(trace_context.span_id(context), 16)
    return SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(int(context[53:], 16)))
