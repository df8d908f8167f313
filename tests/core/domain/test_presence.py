"""The sessions of a user are combined into one presence."""

from itertools import combinations
from typing import get_args

import pytest

from core.domain.presence import FIRST, combined
from schemas.commands.signals import Status


@pytest.mark.parametrize(
    ("statuses", "one"),
    [
        ([], "offline"),
        (["away"], "away"),
        (["away", "online"], "online"),
        (["online", "busy", "away"], "busy"),
        (["away", "busy"], "busy"),
        (["a word of tomorrow"], "online"),
        (["a word of tomorrow", "away"], "away"),
    ],
)
def test_statuses_are_combined_by_precedence(statuses: list[str], one: str) -> None:
    assert combined(statuses) == one


def test_every_status_has_a_precedence_and_none_is_offline() -> None:
    assert sorted(FIRST) == sorted(get_args(Status))
    assert all(combined(some) in some for n in (1, 2, 3) for some in combinations(FIRST, n))
