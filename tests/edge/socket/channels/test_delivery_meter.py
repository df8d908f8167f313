"""A push is counted for each session, and measured from its append."""

import pytest

from core.health import Health
from edge.socket.channels.delivery_meter import DeliveryMeter
from schemas.wire.frames import Push


def push(recorded_ms: int) -> Push:
    return Push(model="messages", generation=1, conversation_id="room", frame=b"{}", recorded_ms=recorded_ms)


def test_push_is_measured_once_per_session() -> None:
    health = Health()
    DeliveryMeter(health, lambda: 1000.25).delivered(push(1_000_000), 3)
    found = health.histograms["delivery_latency"]
    assert (health.counted["delivered"], sum(found.counts), found.sum) == (3, 3, pytest.approx(0.75))


def test_push_without_a_time_is_counted_alone() -> None:
    health = Health()
    DeliveryMeter(health).delivered(push(0), 2)
    assert (health.counted["delivered"], sum(health.histograms["delivery_latency"].counts)) == (2, 0)


def test_clock_that_is_behind_measures_nothing_negative() -> None:
    health = Health()
    DeliveryMeter(health, lambda: 999.0).delivered(push(1_000_000), 1)
    assert health.histograms["delivery_latency"].sum == 0.0
