import io

from rich.console import Console

from edge.tools.bench import table
from edge.tools.bench.measure import Figure


def shown(figure: Figure) -> str:
    """Return what is printed of a figure."""
    text = io.StringIO()
    table.show([figure], Console(file=text, width=110))
    return text.getvalue()


def test_median_and_spread_of_a_figure_are_printed() -> None:
    found = shown(Figure(name="deliveries", unit="deliveries/s", ours=[300.0, 100.0, 200.0], bare=[], goal=150.0))
    assert "100-300" in found
    assert "reached" in found


def test_figure_without_a_goal_is_neither_reached_nor_missed() -> None:
    found = shown(Figure(name="overload", unit="messages/s", ours=[300.0], bare=[], more={"first_fault": "closed"}))
    assert "reached" not in found
    assert "missed" not in found
    assert "first_fault closed" in found
