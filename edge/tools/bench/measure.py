"""A figure is a ratio: our system and the bare one measured in turns, on the same machine, in the same minutes.

Machines differ and neighbours are noisy; a ratio of interleaved pairs is robust against both.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

import msgspec

Take = Callable[[], Awaitable[float]]
"""Takes one measurement."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement. `ours` and `bare` are pairs, in `unit`; `ratio_median` is None where there is no bare
    counterpart. `goal` bounds the ratio, or ours where there is no ratio; None: none is set. `more` has other figures.
    """

    name: str
    unit: str
    ours: list[float]
    bare: list[float]
    goal: float | None = None
    better: Literal["higher", "lower"] = "higher"
    more: dict[str, Any] = {}

    @property
    def ratio_median(self) -> float | None:
        """The median of the pairs' ratios."""
        ratios = [ours / bare for ours, bare in zip(self.ours, self.bare, strict=False) if bare]
        return median(ratios) if ratios else None

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest of ours."""
        return min(self.ours), max(self.ours)

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None if there is none."""
        if self.goal is None:
            return None
        reached = self.ratio_median if self.bare else median(self.ours)
        if reached is None:
            return False
        return reached >= self.goal if self.better == "higher" else reached <= self.goal

    def as_json(self) -> dict[str, Any]:
        """Return the fields of the JSON output."""
        ratio = self.ratio_median
        return {
            **{name: value for name, value in msgspec.structs.asdict(self).items() if name != "name"},
            "ours_median": median(self.ours),
            "ours_spread": self.spread,
            "bare_median": median(self.bare) if self.bare else None,
            "ratio_median": None if ratio is None else round(ratio, 3),
            "met": self.met,
        }


@dataclass(slots=True)
class Pairs:
    """Measurements taken in turns, `bare` first, so that neither side has the quieter minutes by design."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    async def take(self, times: int, ours: Take, bare: Take) -> "Pairs":
        """Take `times` more pairs."""
        for _ in range(times):
            self.bare.append(await bare())
            self.ours.append(await ours())
        return self


def quantile(values: list[float], share: float) -> float:
    """Return the value that this share of the values does not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
