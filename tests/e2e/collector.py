"""A collector of OpenTelemetry, as far as OTLP over HTTP goes: it keeps the spans and metrics that it gets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """What has come: spans with the resource of their process, and the last metrics by name."""

    url: str = ""
    spans: list[tuple[dict[str, Any], Span]] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace."""
        return [span for _, span in self.spans if span.trace_id.hex() == trace_id]

    def processes(self, trace_id: str, name: str) -> set[str]:
        """Return the processes that have reported spans of this name in a trace."""
        spans = [(about, span) for about, span in self.spans if span.trace_id.hex() == trace_id and span.name == name]
        return {about["service.instance.id"] for about, _ in spans}

    async def take_spans(self, request: web.Request) -> web.Response:
        found = ExportTraceServiceRequest.FromString(await request.read())
        for resource in found.resource_spans:
            about = attributes(resource.resource.attributes)
            self.spans += [(about, span) for scope in resource.scope_spans for span in scope.spans]
        return web.Response()

    async def take_metrics(self, request: web.Request) -> web.Response:
        found = ExportMetricsServiceRequest.FromString(await request.read())
        scopes = [scope for resource in found.resource_metrics for scope in resource.scope_metrics]
        self.metrics |= {metric.name: metric for scope in scopes for metric in scope.metrics}
        return web.Response()


def attributes(found: Any) -> dict[str, Any]:
    """Return attributes as a dictionary."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in found}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Run a collector on a free port."""
    collector, app = Collector(), web.Application()
    app.router.add_post("/v1/traces", collector.take_spans)
    app.router.add_post("/v1/metrics", collector.take_metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield collector
    finally:
        await runner.cleanup()
