"""Otlp sends spans and metrics of one process to a collector: OTLP over HTTP, from threads of its own."""

import asyncio
import os
import socket
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from core.health import Health
from core.settings import Settings
from edge.telemetry.health_metrics import HealthMetrics
from edge.telemetry.otel_tracer import OtelTracer
from edge.telemetry.sampling import Sampling

TIMEOUT_S: Final = 5.0
"""Maximum time of one export, and of the last one when the process ends."""


class Otlp:
    """The connection of one process; `service` is its name there. While the collector is away the newest spans are
    kept, 2,048 at most.
    """

    def __init__(self, settings: Settings, service: str, health: Health) -> None:
        base, system = settings.otlp_endpoint.rstrip("/"), "kafka" if settings.adapters == "stack" else "caas"
        resource = Resource.create(
            {
                "service.name": service,
                "service.version": version("caas"),
                "service.instance.id": settings.node or f"{socket.gethostname()}-{os.getpid()}",
            }
        )
        spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=TIMEOUT_S)
        self._spans = BatchSpanProcessor(spans, schedule_delay_millis=settings.otlp_interval_ms)
        self._exporter = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=TIMEOUT_S)
        self._metrics = HealthMetrics(health, resource, system)
        self._interval_s = settings.otlp_interval_ms / 1000
        sampling = Sampling(settings.trace_ratio, settings.traced_callers_per_s)
        self.tracer: Final = OtelTracer(self._spans, resource, sampling, system)

    async def send_metrics(self) -> None:
        """Send the metrics at intervals until cancelled; the library logs what could not be sent."""
        while True:
            await asyncio.sleep(self._interval_s)
            await asyncio.to_thread(self._exporter.export, self._metrics.read(), TIMEOUT_S * 1000)

    async def stop(self) -> None:
        """Send what is left, as far as the collector takes it in time."""
        last = asyncio.to_thread(self._exporter.export, self._metrics.read(), TIMEOUT_S * 1000)
        await asyncio.gather(last, asyncio.to_thread(self._spans.shutdown))
        await asyncio.to_thread(self._exporter.shutdown)
