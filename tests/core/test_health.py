"""What a process checks: red from when it is expected, and listed while it passes."""

import pytest

from core.health import STARTING, Check, Health
from core.ports.event_log import Unavailable
from core.retry import retry_until_available


def test_what_is_expected_fails_until_it_goes_on_and_is_listed_then() -> None:
    health = Health()
    health.expects("log", "messages")
    assert not health.ready
    assert health.checks() == {"log": Check("fail", STARTING), "messages": Check("fail", STARTING)}
    health.goes_on("log")
    health.goes_on("messages")
    assert health.ready
    assert health.checks() == {"log": Check("pass"), "messages": Check("pass")}


def test_what_waits_says_why_and_is_not_forgotten() -> None:
    health = Health()
    health.waits("log", Unavailable("kafka: no broker"))
    health.expects("log")
    assert health.checks() == {"log": Check("fail", "kafka: no broker")}
    health.waits("log", Unavailable())
    assert health.checks() == {"log": Check("fail", "Unavailable")}


def test_what_warns_leaves_the_process_ready() -> None:
    health = Health()
    health.waits("documents", "away")
    health.warns("documents", "away still")
    assert health.ready
    assert health.checks() == {"documents": Check("warn", "away still")}
    health.goes_on("documents")
    assert health.checks() == {"documents": Check("pass")}


async def test_an_outage_is_logged_once_with_its_end_and_a_start_without_one_never(
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
