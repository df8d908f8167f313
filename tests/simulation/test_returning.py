"""A user is removed while a message is edited, reconnects meanwhile, and is added again."""

from collections.abc import Sequence
from typing import Any

import pytest

from edge.socket.commands import query_executor
from tests.simulation.test_machine import People

SEEDS = 16


def returned(seed: int) -> Sequence[str]:
    """Return the broken laws afterwards."""
    people = People()
    people.begin(seed)
    for _ in range(2):
        people.is_out_while_something_changes("dee", 0)
        people.time_passes(3.0)
    return people.settled()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_returning_user_sees_the_edited_messages(seed: int) -> None:
    assert not returned(seed)


def test_node_that_forgets_syncs_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(*_: Any) -> None:
        """Remember nothing."""

    monkeypatch.setattr(query_executor, "remember", forget)
    assert any("law 14" in what for seed in range(SEEDS) for what in returned(seed))
