"""A token bucket fills steadily, and a full one is dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.keyed_rate_limit import SWEEP_SIZE, KeyedBuckets
from core.ports.limits import Rate

TIMES = st.lists(st.floats(0.0, 0.5), max_size=60)


def test_full_buckets_are_dropped() -> None:
    buckets, rate = KeyedBuckets(), Rate(1.0, 10)
    for n in range(SWEEP_SIZE - 1):
        buckets.take(f"{n}", rate, 1, 0.0)
    buckets.take("still filling", rate, 1, 0.5)
    assert len(buckets) == SWEEP_SIZE
    buckets.take("new", rate, 1, 1.25)
    assert len(buckets) == 2


def test_clock_set_back_empties_a_bucket_for_at_most_a_burst() -> None:
    buckets = KeyedBuckets()
    assert buckets.take("a", Rate(1.0, 5), 5, 1000.0) == 0
    assert buckets.take("a", Rate(1.0, 5), 1, 0.0) == pytest.approx(1.0)


@given(pauses=TIMES, per_s=st.floats(0.5, 100.0), burst=st.integers(1, 20), n=st.integers(1, 20))
def test_tokens_taken_stay_within_burst_and_refill(pauses: list[float], per_s: float, burst: int, n: int) -> None:
    buckets, rate, n = KeyedBuckets(), Rate(per_s, burst), min(n, burst)
    now, taken = 0.0, 0
    for pause in pauses:
        now += pause
        wait_s = buckets.take("a", rate, n, now)
        taken += n * (wait_s == 0)
        if wait_s:
            assert 0 < wait_s <= n / per_s + 1e-6
            assert buckets.take("a", rate, n, now + wait_s) == 0
            now, taken = now + wait_s, taken + n
    assert taken <= burst + now * per_s + 1e-3


def test_taking_up_to_n_tokens_never_exceeds_the_bucket() -> None:
    buckets, rate = KeyedBuckets(), Rate(1.0, 5)
    buckets.take_up_to("a", rate, 3, 0.0)
    assert buckets.take("a", rate, 2, 0.0) == 0
    buckets.take_up_to("a", rate, 100, 0.0)
    assert buckets.take("a", rate, 1, 0.0) == pytest.approx(1.0)
    assert buckets.take("a", rate, 5, 5.0) == 0
