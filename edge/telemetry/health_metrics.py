"""Health's counters, gauges and histograms as OpenTelemetry has metrics: read when they are exported, never kept twice.

The names are those of `core.metrics` with a dot behind `caas`, so that a collector which serves them to Prometheus
gives them the names of `/metrics`. What the conventions for messaging have a name for is under that.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from core.health import Health, Labelled
from core.histogram import BUCKETS_S
from core.histogram import Histogram as Measured
from core.metrics import FAMILIES, Family, find_family
from edge.telemetry.span_attributes import PROJECTION, Attributes, of_operation

CONVENTIONAL: Final = {
    "{processor}_records": "messaging.client.consumed.messages",
    "{processor}_batch": "messaging.process.duration",
}
"""The names of OpenTelemetry's conventions, by the keys of `core.metrics`; each has the processor as its label."""
_SUFFIXES: Final = ("_total", "_seconds")

Values = Iterable[tuple[Family, tuple[str, ...], float]]


def name_of(family: Family) -> str:
    """Return the name of a family: without the prefix, the unit and the suffix that Prometheus has in it."""
    if family.key in CONVENTIONAL:
        return CONVENTIONAL[family.key]
    name = family.name.removeprefix("caas_")
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return f"caas.{name}"


def unit_of(family: Family) -> str:
    """Return the unit of a family, empty for numbers."""
    seconds = family.name.removesuffix("_total").endswith("_seconds")
    return "s" if seconds else "{message}" if family.key in CONVENTIONAL else ""


class HealthMetrics:
    """The metrics of one process, from its `Health`. Counters begin when this is made."""

    def __init__(self, health: Health, resource: Resource, system: str) -> None:
        self._health = health
        self._resource = resource
        self._system = system
        self._start = time.time_ns()

    def read(self) -> MetricsData:
        """Return all of them as they are now. Call it where `Health` is written."""
        now = time.time_ns()
        metrics = [*self._sums(now), *self._gauges(now), *self._histograms(now)]
        scope = ScopeMetrics(InstrumentationScope("caas"), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])

    def _sums(self, now: int) -> Iterator[Metric]:
        counted = ((name, float(count)) for name, count in self._health.counted.items())
        for family, points in _by_family(_counters(counted)).items():
            data = Sum(self._points(family, points, now), AggregationTemporality.CUMULATIVE, is_monotonic=True)
            yield Metric(name_of(family), family.meaning, unit_of(family), data)

    def _gauges(self, now: int) -> Iterator[Metric]:
        families = {family.name: family for family in FAMILIES if family.kind == "gauge"}
        plain: list[tuple[str, Labelled]] = [
            (name, {(): float(value)}) for name, value in self._health.gauges().items()
        ]
        found = (
            (family, values, value)
            for name, labelled in plain + self._health.labelled_gauges()
            if (family := families.get(f"caas_{name}")) is not None
            for values, value in labelled.items()
        )
        for family, points in _by_family(found).items():
            yield Metric(name_of(family), family.meaning, unit_of(family), Gauge(self._points(family, points, now)))

    def _histograms(self, now: int) -> Iterator[Metric]:
        found: dict[Family, list[HistogramDataPoint]] = {}
        for name, measured in self._health.histograms.items():
            if (place := find_family("histogram", name)) is not None:
                family, values = place
                found.setdefault(family, []).append(self._measured(family, values, measured, now))
        for family, points in found.items():
            data = Histogram(points, AggregationTemporality.CUMULATIVE)
            yield Metric(name_of(family), family.meaning, unit_of(family), data)

    def _points(self, family: Family, points: Mapping[tuple[str, ...], float], now: int) -> list[NumberDataPoint]:
        start = self._start if family.kind == "counter" else 0
        return [NumberDataPoint(self._labels(family, values), start, now, value) for values, value in points.items()]

    def _measured(self, family: Family, values: tuple[str, ...], measured: Measured, now: int) -> HistogramDataPoint:
        return HistogramDataPoint(
            attributes=self._labels(family, values),
            start_time_unix_nano=self._start,
            time_unix_nano=now,
            count=sum(measured.counts),
            sum=measured.sum,
            bucket_counts=list(measured.counts),
            explicit_bounds=BUCKETS_S,
            min=None,  # type: ignore[arg-type] # which the protocol allows: nobody measures it
            max=None,  # type: ignore[arg-type]
        )

    def _labels(self, family: Family, values: tuple[str, ...]) -> Attributes:
        if family.key in CONVENTIONAL:
            (processor,) = values
            group: Attributes = {PROJECTION: processor, "messaging.consumer.group.name": f"caas-{processor}"}
            return of_operation("process", self._system) | group
        return dict(zip(family.labels, values, strict=True))


def _counters(named: Iterable[tuple[str, float]]) -> Iterator[tuple[Family, tuple[str, ...], float]]:
    """Yield the families of these names, with the values of their labels, in the unit of the family."""
    for name, value in named:
        if (place := find_family("counter", name)) is not None:
            family, values = place
            yield family, values, value * family.scale


def _by_family(values: Values) -> dict[Family, dict[tuple[str, ...], float]]:
    found: dict[Family, dict[tuple[str, ...], float]] = {}
    for family, labels, value in values:
        found.setdefault(family, {})[labels] = value
    return found
