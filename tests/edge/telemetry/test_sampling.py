"""A share of the traces is sampled, the same on every node, and a caller's trace as the caller says, within a limit."""

import random
from uuid import UUID

import pytest

from edge.telemetry.sampling import Sampling

CALLER = f"00-{'ab' * 16}-{'cd' * 8}-"


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.25, 0.5, 0.9, 1.0])
def test_share_of_the_traces_of_correlation_ids_is_sampled(ratio: float) -> None:
    numbers = random.Random(7)
    sampling, traces = Sampling(ratio, 0), [UUID(int=numbers.getrandbits(128), version=4).hex for _ in range(20_000)]
    sampled = sum(sampling.flags(trace, "") == "01" for trace in traces) / len(traces)
    assert sampled == pytest.approx(ratio, abs=0.02)
    again = Sampling(ratio, 0)
    assert all(sampling.flags(trace, "") == again.flags(trace, "") for trace in traces[:100])


@pytest.mark.parametrize("flags", ["00", "01", "02", "03"])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_caller_decides_for_its_trace(flags: str, ratio: float) -> None:
    assert Sampling(ratio, 0).flags("ab" * 16, CALLER + flags) == flags


def test_callers_beyond_the_limit_are_sampled_like_others() -> None:
    times = iter([0.0, 0.0, 0.0, 0.6])
    sampling = Sampling(0.0, 2, lambda: next(times))
    assert [sampling.flags("ab" * 16, f"{CALLER}01") for _ in range(4)] == ["01", "01", "00", "01"]
