import pytest

from core.settings import Settings
from edge.tools.bench import end_to_end
from edge.tools.bench.run import bench


async def test_processor_time_of_a_message_and_its_times_are_measured() -> None:
    with bench(Settings(), pairs=1, seconds=0.6) as where:
        figure = await end_to_end.cost_per_message(where)
    assert figure.more["wrong"] == 0
    assert figure.ours[0] > 0
    assert 0 < figure.more["ack_p50_ms"] <= figure.more["ack_p99_ms"]
    assert 0 < figure.more["delivered_p50_ms"] <= figure.more["delivered_p99_ms"]


async def test_every_message_of_an_overload_is_delivered_in_the_end() -> None:
    with bench(Settings(), pairs=1, seconds=2.0) as where:
        figure = await end_to_end.overload(where)
    assert figure.more["wrong"] == 0
    assert figure.more["acked_per_s"] > 0
    assert figure.more["delivered_p50_ms"] > 0


async def test_every_rate_that_was_tried_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_to_end, "MAX_PER_S", end_to_end.RATE_PER_S)
    monkeypatch.setattr(end_to_end, "HALVINGS", 0)
    with bench(Settings(), pairs=1, seconds=0.6) as where:
        figure = await end_to_end.highest_rate(where)
    assert figure.ours[0] in (0.0, end_to_end.RATE_PER_S)
    assert figure.more["200_right"]
    assert figure.more["200_delivered_p99_ms"] > 0
