"""Objects that survive a full collection are left out of the next ones, until an hour has passed."""

import gc
from collections.abc import Iterator

import pytest

from edge.process.garbage import THAW_S, Survivors


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Node:
    """An object that can be in a cycle."""

    ended = 0

    def __init__(self) -> None:
        self.itself: Node | None = self

    def __del__(self) -> None:
        Node.ended += 1


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    survivors = Survivors(clock)
    gc.callbacks.append(survivors)
    Node.ended = 0
    try:
        yield clock
    finally:
        gc.callbacks.remove(survivors)
        gc.unfreeze()


def test_full_collection_freezes_survivors(clock: Clock) -> None:
    gc.collect()
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    gc.collect(1)
    assert gc.get_freeze_count() == frozen


def test_new_cycles_are_collected(clock: Clock) -> None:
    gc.collect()
    Node()
    gc.collect()
    assert Node.ended == 1


def test_old_cycle_is_collected_after_an_hour(clock: Clock) -> None:
    kept = [Node()]
    gc.collect()
    kept.clear()
    gc.collect()
    assert Node.ended == 0
    clock.now = THAW_S
    gc.collect()
    assert Node.ended == 1
