import pytest

from edge.tools.bench.measure import Figure, Pairs, quantile


def figure(**fields: object) -> Figure:
    values: dict[str, object] = {"name": "sends", "unit": "sends/s", "ours": [], "bare": [], "goal": 0.5} | fields
    return Figure(**values)  # type: ignore[arg-type]


def test_ratio_is_the_median_of_the_pairs_ratios() -> None:
    taken = figure(ours=[50.0, 10.0, 90.0], bare=[100.0, 100.0, 100.0])
    assert taken.ratio_median == 0.5
    assert taken.met


def test_noisy_pair_does_not_change_the_ratio() -> None:
    assert figure(ours=[60.0, 60.0, 1.0], bare=[100.0, 100.0, 100.0]).ratio_median == 0.6


def test_goal_is_a_maximum_if_lower_is_better() -> None:
    assert figure(ours=[20.0], bare=[14.0], goal=2.0, better="lower").met
    assert not figure(ours=[40.0], bare=[14.0], goal=2.0, better="lower").met


def test_without_a_bare_way_the_goal_is_about_ours() -> None:
    alone = figure(ours=[12_000.0, 9_000.0, 11_000.0], goal=10_000)
    assert alone.ratio_median is None
    assert alone.met
    assert not figure(ours=[9_000.0], goal=10_000).met


def test_figure_without_a_goal_is_neither_met_nor_missed() -> None:
    assert figure(ours=[1.0], goal=None).met is None


def test_spread_is_the_lowest_and_the_highest_of_ours() -> None:
    assert figure(ours=[3.0, 1.0, 2.0]).spread == (1.0, 3.0)


def test_json_has_pairs_medians_and_goal() -> None:
    shown = figure(ours=[1.0, 3.0], bare=[2.0, 4.0]).as_json()
    assert (shown["ours"], shown["bare"], shown["goal"], shown["unit"]) == ([1.0, 3.0], [2.0, 4.0], 0.5, "sends/s")
    assert shown["ratio_median"] == 0.625
    assert shown["ours_spread"] == (1.0, 3.0)


async def test_pairs_are_taken_in_turns() -> None:
    turns: list[str] = []

    async def take(which: str) -> float:
        turns.append(which)
        return float(len(turns))

    pairs = await Pairs().take(2, ours=lambda: take("ours"), bare=lambda: take("bare"))
    assert turns == ["bare", "ours", "bare", "ours"]
    assert (pairs.bare, pairs.ours) == ([1.0, 3.0], [2.0, 4.0])


@pytest.mark.parametrize(("share", "value"), [(0.5, 51.0), (0.99, 100.0), (1.0, 100.0)])
def test_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile([float(n) for n in range(1, 101)], share) == value


def test_quantile_of_no_values_is_zero() -> None:
    assert quantile([], 0.99) == 0.0
