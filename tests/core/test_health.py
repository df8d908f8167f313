"""Health checks: failing from the time they are expected, and listed while they pass."""

import pytest

from core.health import STARTING, Check, Health, WarningHealth
from core.ports.event_log import Unavailable
from core.retry import retry_until_available


def test_expected_check_fails_until_it_goes_on_and_stays_listed() -> None:
    health = Health()
    health.expects("log", "messages")
    assert not health.ready
    assert health.checks() == {"log": Check("fail", STARTING), "messages": Check("fail", STARTING)}
    health.goes_on("log")
    health.goes_on("messages")
    assert health.ready
    assert health.checks() == {"log": Check("pass"), "messages": Check("pass")}


def test_waiting_check_has_a_cause_and_stays_listed() -> None:
    health = Health()
    health.waits("log", Unavailable("kafka: no broker"))
    health.expects("log")
    assert health.checks() == {"log": Check("fail", "kafka: no broker")}
    health.waits("log", Unavailable())
    assert health.checks() == {"log": Check("fail", "Unavailable")}


def test_warning_check_leaves_the_process_ready() -> None:
    health = Health()
    health.waits("documents", "away")
    health.warns("documents", "away still")
    assert health.ready
    assert health.checks() == {"documents": Check("warn", "away still")}
    health.goes_on("documents")
    assert health.checks() == {"documents": Check("pass")}


def test_gauge_is_read_each_time() -> None:
    health, waiting = Health(), [1, 2]
    health.gauge("unpersisted", waiting.pop)
    assert [health.gauges(), health.gauges()] == [{"unpersisted": 2}, {"unpersisted": 1}]


def test_labelled_gauge_has_the_last_reader_of_each_owner() -> None:
    health = Health()
    health.labelled_gauge("lag", "inbox", lambda: {("inbox",): 1})
    health.labelled_gauge("lag", "audit", lambda: {("audit",): 2})
    health.labelled_gauge("lag", "inbox", lambda: {("inbox",): 3})
    assert health.labelled_gauges() == [("lag", {("inbox",): 3}), ("lag", {("audit",): 2})]


def test_histogram_of_a_name_is_one() -> None:
    health = Health()
    health.histogram("delivery_latency").observe(1.0)
    assert health.histogram("delivery_latency").sum == 1.0
    assert list(health.histograms) == ["delivery_latency"]


async def test_outage_is_logged_at_its_start_and_end_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    health, fails = Health(), [Unavailable("no broker"), Unavailable("no broker")]

    async def call() -> str:
        if fails:
            raise fails.pop()
        return "here"

    health.expects("log", "documents")
    assert [
        await retry_until_available("log", call, health),
        await retry_until_available("documents", call, health),
    ] == ["here", "here"]
    assert [record.getMessage() for record in caplog.records] == ["log waits: no broker", "log goes on"]
    assert health.ready


def test_failing_part_is_a_warning_of_the_whole() -> None:
    whole = Health()
    part = WarningHealth(whole)
    part.expects("log")
    assert (whole.ready, whole.checks()["log"], part.ready) == (True, Check("warn", STARTING), False)
    part.waits("log", "Kafka is down")
    assert (whole.ready, whole.checks()["log"]) == (True, Check("warn", "Kafka is down"))
    part.goes_on("log")
    assert (whole.checks()["log"], part.ready) == (Check("pass"), True)
