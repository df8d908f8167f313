"""Begin the telemetry of a process: spans and metrics for a collector, where the settings name one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.health import Health
from core.ports.tracer import UNTRACED, Tracer
from core.settings import Settings
from edge.process.background import background


@asynccontextmanager
async def telemetry(settings: Settings, service: str, health: Health) -> AsyncIterator[Tracer]:
    """Yield the tracer of this process, which reports as `service`; what is left is sent at the end. Raises
    `ModuleNotFoundError` where the extra is not installed.
    """
    if not settings.otlp_endpoint:
        yield UNTRACED
        return
    from edge.telemetry.otlp import Otlp  # noqa: PLC0415 - off means that nothing of it is imported

    otlp = Otlp(settings, service, health)
    try:
        async with background(("otlp-metrics", otlp.send_metrics())):
            yield otlp.tracer
    finally:
        await otlp.stop()
