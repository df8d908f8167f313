"""At any times of calls, a bucket lets through its burst and then its rate, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rate_limit import SWEEP_SIZE, KeyedBuckets, Rate, TokenBucket

TIMES = st.lists(st.floats(0.0, 0.5), max_size=60)


def test_burst_passes_at_once_and_the_next_waits() -> None:
    bucket = TokenBucket(Rate(per_s=10, burst=3), now=5.0)
    assert [bucket.take(5.0) for _ in range(5)] == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2])


def test_bucket_refills_to_the_burst_and_not_beyond() -> None:
    bucket = TokenBucket(Rate(per_s=10, burst=3), now=0.0)
    for _ in range(3):
        bucket.take(0.0)
    assert [bucket.take(1_000.0) for _ in range(4)] == pytest.approx([0.0, 0.0, 0.0, 0.1])


@given(
    st.builds(Rate, st.integers(1, 1_000), st.integers(1, 1_000)),
    st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=200),
)
def test_every_schedule_stays_within_burst_and_rate(pace: Rate, rests: list[float]) -> None:
    now, bucket = 0.0, TokenBucket(pace, 0.0)
    for used, rest in enumerate(rests, start=1):
        now += rest
        now += bucket.take(now)  # as the caller does: it waits, then continues
        assert used <= pace.burst + pace.per_s * now + 1e-6


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
