"""RecentPushes finds the numbered pushes of the last second by name."""

import pytest

from schemas.wire.frames import Push
from streams.runtime import recent_pushes
from streams.runtime.recent_pushes import RecentPushes


def push(room: str, n: int, to: str = "") -> Push:
    return Push(model="messages", generation=1, conversation_id=room, frame=b"{}", lane="sent", n=n, to=to)


def test_pushes_are_found_by_name_in_order() -> None:
    recent = RecentPushes()
    recent.add(1.0, [push("a", 1), push("b", 1), push("x", 7, to="user:ann")])
    recent.add(1.1, [push("a", 2)])
    assert recent.find(1.2, ["b", "a", "c"]) == [push("a", 1), push("a", 2), push("b", 1)]
    assert recent.find(1.2, ["user:ann"]) == [push("x", 7, to="user:ann")]


def test_push_without_a_number_is_not_kept() -> None:
    recent = RecentPushes()
    recent.add(1.0, [push("a", 0)])
    assert recent.find(1.0, ["a"]) == []


def test_push_is_dropped_after_a_second() -> None:
    recent = RecentPushes()
    recent.add(1.0, [push("a", 1)])
    recent.add(1.5, [push("a", 2)])
    assert recent.find(2.2, ["a"]) == [push("a", 2)]
    assert recent.find(3.0, ["a"]) == []


def test_oldest_pushes_are_dropped_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_pushes, "MAX_PUSHES", 2)
    recent = RecentPushes()
    recent.add(1.0, [push("a", 1), push("b", 1), push("a", 2)])
    assert recent.find(1.0, ["a", "b"]) == [push("a", 2), push("b", 1)]
