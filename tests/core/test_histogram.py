"""A histogram has each time in the first bucket that is not less than it."""

from core.histogram import BUCKETS_S, Histogram


def test_time_is_in_the_first_bucket_that_is_not_less() -> None:
    found = Histogram()
    found.observe(0.0)
    found.observe(BUCKETS_S[0])
    found.observe(BUCKETS_S[1] + 0.0001)
    found.observe(BUCKETS_S[-1] + 1)
    assert (found.counts[0], found.counts[2], found.counts[-1], sum(found.counts)) == (2, 1, 1, 4)


def test_time_of_several_is_counted_for_each() -> None:
    found = Histogram()
    found.observe(0.25, 200)
    found.observe(0.5, 0)
    assert (sum(found.counts), found.sum) == (200, 50.0)
