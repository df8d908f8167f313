"""`/metrics` has every family of the table, in the format of Prometheus, for those who see the details of `/health`."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from core.health import Health
from core.metrics import FAMILIES, PROCESS
from core.settings import networks
from edge.http.health import add_health_routes
from edge.http.problems import problems

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


async def scraped(health: Health, accept: str = "", insiders: str | None = None, **headers: str) -> tuple[int, str]:
    """The status and the body of a scrape."""
    app = web.Application(middlewares=[problems])
    add_health_routes(app, health, None if insiders is None else networks(insiders))
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/metrics", headers={"Accept": accept, **headers})
        return answer.status, await answer.text()


async def families(health: Health) -> dict[str, Metric]:
    return {family.name: family for family in parse((await scraped(health))[1])}


def values(family: Metric) -> dict[tuple[str, ...], float]:
    """Its values, by the values of their labels in the order of their names."""
    return {tuple(value for _, value in sorted(one.labels.items())): one.value for one in family.samples}


async def test_every_family_is_there_with_its_type_and_meaning() -> None:
    found = await families(Health())
    for family in FAMILIES:
        here = found.pop(family.name.removesuffix("_total"))
        assert (here.type, here.documentation) == (family.kind, family.meaning)
    assert {name.removesuffix("_total") for name in PROCESS} == found.keys()


async def test_counter_without_labels_is_0_before_its_first_count() -> None:
    found = await families(Health())
    assert values(found["caas_push_hole"]) == {(): 0}
    assert values(found["caas_commands"]) == {}


async def test_counts_have_labels_and_base_units() -> None:
    health = Health()
    health.count("commands_message:send_ok", 3)
    health.count("commands_message:send_not_ready")
    health.count("audit_events_records", 7)
    health.count("backpressure_ms", 1500)
    health.count("nothing_of_the_table")
    found = await families(health)
    assert values(found["caas_commands"]) == {("ok", "message:send"): 3, ("not_ready", "message:send"): 1}
    assert values(found["caas_processor_records"]) == {("audit_events",): 7}
    assert values(found["caas_backpressure_seconds"]) == {(): 1.5}


async def test_every_check_has_its_status() -> None:
    health = Health()
    health.expects("log", "messages: effects")
    health.warns("bus", "Redis is away")
    health.goes_on("log")
    found = await families(health)
    assert values(found["caas_check_status"]) == {("log",): 0, ("messages: effects",): 2, ("bus",): 1}


async def test_gauges_are_read_at_the_scrape() -> None:
    health, behind = Health(), {("inbox", "user.action", "2"): 5.0}
    health.gauge("unpersisted", lambda: 4)
    health.labelled_gauge("projection_lag_events", "inbox", lambda: behind)
    health.labelled_gauge("projection_lag_events", "audit", lambda: {("audit", "audit.log", "0"): 1.0})
    behind["inbox", "user.action", "2"] = 6.0
    found = await families(health)
    assert values(found["caas_unpersisted"]) == {(): 4}
    lags = {tuple(sorted(one.labels.items())): one.value for one in found["caas_projection_lag_events"].samples}
    assert lags == {
        (("partition", "2"), ("processor", "inbox"), ("topic", "user.action")): 6,
        (("partition", "0"), ("processor", "audit"), ("topic", "audit.log")): 1,
    }


async def test_histogram_has_cumulative_buckets_count_and_sum() -> None:
    health = Health()
    for seconds in (0.0004, 0.003, 0.003, 100.0):
        health.histogram("ack_latency_accepted").observe(seconds)
    found = (await families(health))["caas_ack_latency_seconds"]
    assert all(one.labels["level"] == "accepted" for one in found.samples)
    buckets = {one.labels["le"]: one.value for one in found.samples if one.name.endswith("_bucket")}
    assert (buckets["0.0005"], buckets["0.0025"], buckets["0.005"], buckets["60.0"], buckets["+Inf"]) == (1, 1, 3, 3, 4)
    rest = {one.name: one.value for one in found.samples if "le" not in one.labels}
    assert rest == {"caas_ack_latency_seconds_count": 4, "caas_ack_latency_seconds_sum": pytest.approx(100.0064)}


async def test_scrape_is_not_cached() -> None:
    app = web.Application(middlewares=[problems])
    add_health_routes(app, Health())
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/metrics")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.content_type == "text/plain"


async def test_openmetrics_is_answered_where_it_is_asked_for() -> None:
    _, text = await scraped(Health(), OPENMETRICS)
    assert {family.name for family in parse_openmetrics(text)} >= {"caas_push_hole", "caas_unpersisted"}


@pytest.mark.parametrize("header", [None, "X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
async def test_outsiders_see_no_metrics(header: str | None) -> None:
    away: dict[str, Any] = {header: "127.0.0.1"} if header else {}
    status, text = await scraped(Health(), insiders="127.0.0.0/8,::1", **away)
    assert status == (403 if header else 200)
    assert ("caas_" in text) is (header is None)
    status, text = await scraped(Health(), insiders="10.0.0.0/8")
    assert (status, "caas_" in text, '"code":"not_allowed"' in text) == (403, False, True)
