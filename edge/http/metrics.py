"""Serve `GET /metrics`: what `Health` counts and measures, in the text format that Prometheus reads.

Nothing is kept for it: the numbers are read when they are asked for, so that counting stays as cheap as it is.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from core.health import Health, Labelled
from core.histogram import BUCKETS_S, Histogram
from core.metrics import FAMILIES, Family, Kind, find_family
from edge.http.problems import HttpProblem
from schemas.wire.errors import problem

PATH: Final = "/metrics"
_END: Final = b"# EOF\n"
"""What ends a text of OpenMetrics."""
_BOUNDS: Final = (*(str(bound) for bound in BUCKETS_S), "+Inf")


def add_metrics_route(app: web.Application, health: Health, sees_details: Callable[[web.Request], bool]) -> None:
    """Serve `/metrics` to those who see the details of `/health`; others are answered `not_allowed`."""
    registry = CollectorRegistry()
    registry.register(HealthCollector(health))
    ProcessCollector(registry=registry)

    async def metrics(request: web.Request) -> web.Response:
        if not sees_details(request):
            raise HttpProblem(problem("not_allowed", "metrics are for CAAS_HEALTH_NETWORKS alone"))
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await _encoded(registry, encode)
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    app.router.add_get(PATH, metrics)


async def _encoded(registry: CollectorRegistry, encode: Callable[[Collector], bytes]) -> bytes:
    """Return all families as text, encoded one by one: all at once would keep messages waiting for milliseconds."""
    parts: list[bytes] = []
    for family in registry.collect():
        parts.append(encode(_Single(family)).removesuffix(_END))
        await asyncio.sleep(0)
    return b"".join(parts) + (_END if encode(_Single()).endswith(_END) else b"")


class _Single(Collector):
    """A collector of these families."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


class HealthCollector(Collector):
    """Collects every family of `core.metrics`. A counter without labels is 0 before its first count; with labels, and
    of gauges and histograms, there are the values that this process has.
    """

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Yield the families, with their present values."""
        yield from self._counters()
        yield from self._gauges()
        yield from self._histograms()

    def _counters(self) -> Iterator[Metric]:
        counted = {family.key: 0 for family in _families("counter") if not family.labels} | self._health.counted
        found = {
            family: CounterMetricFamily(family.name.removesuffix("_total"), family.meaning, labels=family.labels)
            for family in _families("counter")
        }
        for name, count in sorted(counted.items()):
            if (place := find_family("counter", name)) is not None:
                family, values = place
                found[family].add_metric(values, count * family.scale)
        yield from found.values()

    def _gauges(self) -> Iterator[Metric]:
        found = {
            family.name: GaugeMetricFamily(family.name, family.meaning, labels=family.labels)
            for family in _families("gauge")
        }
        plain: list[tuple[str, Labelled]] = [(name, {(): value}) for name, value in self._health.gauges().items()]
        for name, labelled in plain + self._health.labelled_gauges():
            for values, value in labelled.items():
                found[f"caas_{name}"].add_metric(values, value)
        yield from found.values()

    def _histograms(self) -> Iterator[Metric]:
        found = {
            family: HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
            for family in _families("histogram")
        }
        for name, histogram in sorted(self._health.histograms.items()):
            if (place := find_family("histogram", name)) is not None:
                family, values = place
                found[family].add_metric(values, _buckets(histogram), histogram.sum)
        yield from found.values()


def _families(kind: Kind) -> list[Family]:
    return [family for family in FAMILIES if family.kind == kind]


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    return list(zip(_BOUNDS, accumulate(histogram.counts), strict=True))
