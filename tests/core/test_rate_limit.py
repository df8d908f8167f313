"""At any times of calls, a bucket lets through its burst and then its rate, and no more."""

from hypothesis import given
from hypothesis import strategies as st

from core.rate_limit import TokenBucket, TokenRate


def test_burst_passes_at_once_and_the_next_waits() -> None:
    bucket = TokenBucket(TokenRate(per_s=10, burst=3), now=5.0)
    assert [bucket.take(5.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.1, 0.2]


def test_bucket_refills_to_the_burst_and_not_beyond() -> None:
    bucket = TokenBucket(TokenRate(per_s=10, burst=3), now=0.0)
    for _ in range(3):
        bucket.take(0.0)
    assert [bucket.take(1_000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.1]


@given(
    st.builds(TokenRate, st.integers(1, 1_000), st.integers(1, 1_000)),
    st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=200),
)
def test_every_schedule_stays_within_burst_and_rate(pace: TokenRate, rests: list[float]) -> None:
    now, bucket = 0.0, TokenBucket(pace, 0.0)
    for used, rest in enumerate(rests, start=1):
        now += rest
        now += bucket.take(now)  # as the caller does: it waits, then continues
        assert used <= pace.burst + pace.per_s * now + 1e-6
