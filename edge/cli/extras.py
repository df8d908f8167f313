"""Detects that an extra is not installed: `stack` for the real servers, `otel` for telemetry."""

from typing import Final

STACK: Final = frozenset({"aiokafka", "bson", "elasticsearch", "faust", "mode", "motor", "pymongo", "redis"})
"""The import packages that `pip install 'caas[stack]'` installs."""
OTEL: Final = frozenset({"opentelemetry"})
"""Those that `pip install 'caas[otel]'` installs."""
MISSING: Final = "needs the clients of the real servers: pip install 'caas[stack]'"
NO_TELEMETRY: Final = "CAAS_OTLP_ENDPOINT needs OpenTelemetry: pip install 'caas[otel]'"


def what_is_missing(error: BaseException) -> str | None:
    """Return what to install where an import failed because an extra is not; None for any other error."""
    package = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package in OTEL:
        return NO_TELEMETRY
    return MISSING if package in STACK else None
