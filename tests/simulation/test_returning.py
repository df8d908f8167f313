"""Somebody is out while a message of theirs is edited, comes in on another line meanwhile, and then is let in again."""

from collections.abc import Sequence
from typing import Any

import pytest

from edge.socket.commands import query_executor
from tests.simulation.test_machine import People

SEEDS = 16


def returned(seed: int) -> Sequence[str]:
    """What is wrong after that."""
    people = People()
    people.begin(seed)
    for _ in range(2):
        people.is_out_while_something_changes("dee", 0)
        people.time_passes(3.0)
    return people.settled()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whoever_returns_sees_what_became_of_their_messages(seed: int) -> None:
    assert not returned(seed)


def test_a_node_that_keeps_nothing_of_a_sync_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(*_: Any) -> None:
        """Keep nothing."""

    monkeypatch.setattr(query_executor, "remember", forget)
    assert any("law 14" in what for seed in range(SEEDS) for what in returned(seed))
