"""The limit is what is saved in a tenth of a second, by the rate of the last quarter."""

from edge.socket.commands.save_rate import SaveRate


def test_limit_is_what_is_saved_in_a_tenth_of_a_second() -> None:
    rate = SaveRate()
    rate.begin(10.0)
    rate.saved(100, 10.02)
    assert rate.limit == 500
    rate.saved(0, 10.1)
    assert rate.limit == 100


def test_looks_before_the_window_are_forgotten() -> None:
    rate = SaveRate()
    rate.begin(0.0)
    for number in range(1, 51):
        rate.saved(20, number / 50)
    assert rate.limit == 100
    for number in range(51, 101):
        rate.saved(2, number / 50)
    assert rate.limit == 10


def test_pause_does_not_count_as_slow() -> None:
    rate = SaveRate()
    rate.begin(0.0)
    rate.saved(100, 0.1)
    assert rate.limit == 100
    rate.begin(60.0)
    assert rate.limit == 100
    rate.saved(50, 60.05)
    assert rate.limit == 100


def test_look_at_the_moment_of_the_beginning_measures_nothing() -> None:
    rate = SaveRate()
    rate.begin(1.0)
    rate.saved(5, 1.0)
    assert rate.limit == 0
