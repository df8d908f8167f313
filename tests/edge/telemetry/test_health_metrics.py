"""Every metric of the table is exported under a name of its own, with the numbers that `Health` has."""

from typing import Any

from opentelemetry.sdk.metrics.export import Metric
from opentelemetry.sdk.resources import Resource

from core.health import Health
from core.histogram import BUCKETS_S
from core.metrics import FAMILIES
from edge.telemetry.health_metrics import CONVENTIONAL, HealthMetrics, name_of, unit_of


def read(health: Health) -> dict[str, Metric]:
    (resource,) = HealthMetrics(health, Resource({}), "caas").read().resource_metrics
    (scope,) = resource.scope_metrics
    return {metric.name: metric for metric in scope.metrics}


def points(metric: Metric) -> dict[tuple[Any, ...], Any]:
    return {tuple((point.attributes or {}).values()): point for point in metric.data.data_points}


def test_name_is_that_for_prometheus_without_unit_and_suffix() -> None:
    suffixes = {"counter": "_total", "gauge": "", "histogram": ""}
    for family in FAMILIES:
        if family.key not in CONVENTIONAL:
            again = name_of(family).replace(".", "_") + ("_seconds" if unit_of(family) == "s" else "")
            assert again + suffixes[family.kind] == family.name


def test_names_are_unique_and_the_conventional_ones_are_of_the_table() -> None:
    assert len({name_of(family) for family in FAMILIES}) == len(FAMILIES)
    assert CONVENTIONAL.keys() <= {family.key for family in FAMILIES}


def test_counters_have_their_labels_and_base_units() -> None:
    health = Health()
    health.count("commands_message:send_ok", 3)
    health.count("backpressure_ms", 1500)
    health.count("no_such_counter")
    found = read(health)
    assert found.keys() == {"caas.commands", "caas.backpressure"}
    assert points(found["caas.commands"])["message:send", "ok"].value == 3
    assert (points(found["caas.backpressure"])[()].value, found["caas.backpressure"].unit) == (1.5, "s")


def test_gauges_have_their_present_value() -> None:
    health = Health()
    health.gauge("ws_connections", lambda: 7)
    health.gauge("no_such_gauge", lambda: 7)
    health.labelled_gauge("projection_lag_events", "messages", lambda: {("messages", "message.sent", "3"): 5.0})
    found = read(health)
    assert found.keys() == {"caas.ws_connections", "caas.projection_lag_events"}
    assert points(found["caas.ws_connections"])[()].value == 7
    assert points(found["caas.projection_lag_events"])["messages", "message.sent", "3"].value == 5


def test_histograms_have_their_buckets_and_batches_the_name_of_the_conventions() -> None:
    health = Health()
    health.histogram("messages_batch").observe(0.003, 2)
    (point,) = points(read(health)["messaging.process.duration"]).values()
    assert (point.count, point.sum, point.explicit_bounds) == (2, 0.006, BUCKETS_S)
    assert point.bucket_counts[3] == 2 and len(point.bucket_counts) == len(BUCKETS_S) + 1
    assert point.attributes["messaging.consumer.group.name"] == "caas-messages"
