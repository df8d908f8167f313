"""Prints the figures as a table."""

from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from edge.tools.bench.measure import Figure


def show(figures: list[Figure], console: Console) -> None:
    """Print one line per figure, and below it the additional values."""
    table = Table("", "ours", "spread", "bare", "unit", "ratio", "goal", "", box=box.SIMPLE)
    for column in table.columns:
        column.no_wrap = True
    for figure in figures:
        ratio = figure.ratio_median
        table.add_row(
            figure.name,
            _number(median(figure.ours)),
            "-" if len(figure.ours) == 1 else "-".join(_number(end) for end in figure.spread),
            _number(median(figure.bare)) if figure.bare else "-",
            figure.unit,
            "-" if ratio is None else f"{ratio:.2f}",
            _goal(figure),
            {True: "reached", False: "missed", None: "-"}[figure.met],
        )
    console.print(table)
    for figure in figures:
        if figure.more:
            values = ", ".join(f"{name} {_number(value)}" for name, value in figure.more.items())
            console.print(f"{figure.name}: {values}", highlight=False)


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return "-"
    return f"{'≥' if figure.better == 'higher' else '≤'} {_number(figure.goal)}"


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
