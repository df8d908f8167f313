"""Where a push stands, where a late lane begins and what waits are pure rules: nothing is passed over or doubled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.socket.channels.channel_state import MAX_WAITING_PUSHES, JobQueue, Recover, merge, order
from schemas.wire.frames import Push


def push(n: int, lane: str = "sent") -> Push:
    return Push(model="messages", generation=1, conversation_id="c", frame=b"{}", lane=lane, n=n)


@pytest.mark.parametrize(("n", "where"), [(1, "duplicate"), (3, "duplicate"), (4, "next"), (5, "gap")])
def test_push_stands_behind_what_was_delivered(n: int, where: str) -> None:
    assert order({"sent": 3}, "sent", n) == where


def test_lane_without_a_position_begins_with_its_first_push() -> None:
    assert order({"sent": 3}, "edited", 7) == "next"


@given(
    head=st.integers(0, 20),
    waiting=st.lists(st.integers(1, 25), max_size=8),
)
def test_late_lane_begins_where_no_waiting_push_is_lost(head: int, waiting: list[int]) -> None:
    last = merge({"sent": head, "edited": 5}, [push(n) for n in waiting])
    assert last["sent"] == min([head, *(n - 1 for n in waiting)])
    assert last["edited"] == 5


def test_late_lane_takes_no_position_from_other_jobs() -> None:
    assert merge({"sent": 2}, [Recover({"sent": 9}), push(5, "edited")]) == {"sent": 2, "edited": 4}


def test_queue_keeps_the_order_and_ends() -> None:
    queue = JobQueue()
    jobs = [push(1), Recover(), push(2)]
    assert all(queue.add(job) for job in jobs)
    assert [queue.next() for _ in range(4)] == [*jobs, None]


def test_pushes_beyond_the_bound_are_recovered_once_behind_the_others() -> None:
    queue = JobQueue()
    added = [queue.add(push(n)) for n in range(1, MAX_WAITING_PUSHES + 3)]
    assert (added.count(True), added[-2:]) == (MAX_WAITING_PUSHES, [False, False])
    assert queue.add(Recover({"sent": 7}))  # only pushes are dropped: they are in the rows
    taken = [queue.next() for _ in range(MAX_WAITING_PUSHES + 3)]
    assert taken[-3:] == [Recover({"sent": 7}), Recover(), None]
