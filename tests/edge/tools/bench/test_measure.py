import pytest

from edge.tools.bench.measure import Figure, Pairs, quantile


def figure(**fields: object) -> Figure:
    values: dict[str, object] = {"name": "sends", "unit": "sends/s", "ours": [], "bare": [], "goal": 0.5} | fields
    return Figure(**values)  # type: ignore[arg-type]


def test_a_ratio_is_the_median_of_the_ratios_of_the_pairs() -> None:
    taken = figure(ours=[50.0, 10.0, 90.0], bare=[100.0, 100.0, 100.0])
    assert taken.ratio_median == 0.5
    assert taken.met


def test_a_noisy_pair_does_not_move_the_ratio() -> None:
    assert figure(ours=[60.0, 60.0, 1.0], bare=[100.0, 100.0, 100.0]).ratio_median == 0.6


def test_where_less_is_better_the_goal_is_a_ceiling() -> None:
    assert figure(ours=[20.0], bare=[14.0], goal=2.0, better="lower").met
    assert not figure(ours=[40.0], bare=[14.0], goal=2.0, better="lower").met


def test_without_a_bare_way_the_goal_is_about_ours() -> None:
    alone = figure(ours=[12_000.0, 9_000.0, 11_000.0], goal=10_000)
    assert alone.ratio_median is None
    assert alone.met
    assert not figure(ours=[9_000.0], goal=10_000).met


def test_json_says_pairs_median_and_goal() -> None:
    told = figure(ours=[1.0, 3.0], bare=[2.0, 4.0]).told()
    assert (told["ours"], told["bare"], told["goal"], told["unit"]) == ([1.0, 3.0], [2.0, 4.0], 0.5, "sends/s")
    assert told["ratio_median"] == 0.625


async def test_pairs_are_taken_in_turns() -> None:
    turns: list[str] = []

    async def take(which: str) -> float:
        turns.append(which)
        return float(len(turns))

    pairs = await Pairs().take(2, ours=lambda: take("ours"), bare=lambda: take("bare"))
    assert turns == ["bare", "ours", "bare", "ours"]
    assert (pairs.bare, pairs.ours) == ([1.0, 3.0], [2.0, 4.0])


@pytest.mark.parametrize(("share", "value"), [(0.5, 51.0), (0.99, 100.0), (1.0, 100.0)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile([float(n) for n in range(1, 101)], share) == value


def test_a_quantile_of_nothing_is_zero() -> None:
    assert quantile([], 0.99) == 0.0
