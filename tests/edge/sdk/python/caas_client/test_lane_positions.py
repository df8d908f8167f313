import random

from hypothesis import given
from hypothesis import strategies as st

from edge.sdk.python.caas_client.lane_positions import LanePositions
from edge.sdk.python.caas_client.wire import Event


def push(n: int, lane: str = "sent", conversation: str = "c") -> Event:
    return Event("message:new", {"conversation_id": conversation}, lane, n)


def joined(n: int, at_seq: int, user: str = "ada") -> Event:
    data = {"conversation_id": "c", "change": "participants-added", "participants": [user], "at_seq": at_seq}
    return Event("conversation:updated", data, "conversation", n)


def standing(vector: dict[str, dict[str, int]] | None = None) -> LanePositions:
    positions = LanePositions(vector)
    positions.user_id = "ada"
    return positions


def taken(positions: LanePositions, *events: Event) -> list[int | None]:
    return [passed.n for event in events for passed in positions.take(event)]


def test_event_in_order_is_passed_on_at_once() -> None:
    assert taken(standing(), push(1), push(2)) == [1, 2]


def test_repeated_event_is_dropped_and_counted() -> None:
    positions = standing({"c": {"sent": 5}})
    assert taken(positions, push(5), push(6), push(6), push(2)) == [6]
    assert positions.dropped == 3


def test_event_beyond_a_gap_waits_until_the_gap_is_filled() -> None:
    positions = standing({"c": {"sent": 5}})
    assert taken(positions, push(8), push(7)) == []
    assert positions.holes
    assert taken(positions, push(6)) == [6, 7, 8]
    assert not positions.holes


def test_gap_of_a_lane_holds_back_only_its_conversation() -> None:
    positions = standing({"c": {"sent": 5}})
    assert taken(positions, push(7), push(1, "edited"), push(1, conversation="d")) == [1]
    received = [(passed.lane, passed.n) for passed in positions.take(push(6))]
    assert received == [("sent", 6), ("sent", 7), ("edited", 1)]
    assert not positions.holes


def test_event_that_fills_one_of_two_gaps_is_passed_on_and_the_rest_waits() -> None:
    positions = standing({"c": {"sent": 5}})
    assert taken(positions, push(7), push(9), push(1, "edited"), push(6)) == [6, 7]
    assert taken(positions, push(8)) == [8, 9, 1]


def test_unknown_lane_holds_back_only_itself() -> None:
    positions = standing({"c": {"sent": 5}})
    assert taken(positions, push(4, "edited"), push(6), push(1, "deleted")) == [6, 1]
    positions.asked(catching_up=False)
    assert [event.n for event in positions.synced({"c": {"sent": 6, "edited": 4}}, complete=True)] == [4]
    assert not positions.holes


def test_lane_that_no_sync_names_holds_nothing_back() -> None:
    positions = standing({"c": {"sent": 5}})
    assert taken(positions, push(4, "lane of tomorrow"), push(7)) == []
    positions.asked(catching_up=False)
    assert [event.n for event in positions.synced({"c": {"sent": 6}}, complete=True)] == [7, 4]
    assert taken(positions, push(5, "lane of tomorrow")) == [5]


def test_lane_of_reactions_begins_with_the_conversation() -> None:
    positions = standing()
    taken(positions, joined(1, 0))
    assert taken(positions, push(1, "reaction"), push(2, "reaction")) == [1, 2]
    assert positions.vector()["c"]["reaction"] == 2


def test_unknown_lane_waits_for_a_sync() -> None:
    positions = standing()
    assert taken(positions, push(4)) == []
    positions.asked(catching_up=False)
    assert [event.n for event in positions.synced({"c": {"sent": 4}}, complete=True)] == [4]
    assert taken(positions, push(5)) == [5]


def test_own_joining_gives_the_first_message_also_when_it_arrives_after_it() -> None:
    positions = standing()
    assert taken(positions, push(9)) == []
    assert [event.lane for event in positions.take(joined(3, at_seq=8))] == ["conversation", "sent"]


def test_joining_of_another_user_changes_no_position() -> None:
    positions = standing()
    assert taken(positions, joined(3, at_seq=8, user="bo"), push(9)) == []


def test_joining_again_skips_no_event_that_is_under_way() -> None:
    positions = standing({"c": {"sent": 9, "conversation": 3}})
    assert taken(positions, joined(4, at_seq=15), push(10)) == [4, 10]


def test_sync_closes_gaps_that_hold_nothing_for_the_user() -> None:
    positions = standing({"c": {"sent": 5, "edited": 2}})
    assert taken(positions, push(9, "edited")) == []
    positions.asked(catching_up=False)
    assert taken(positions, push(5, "edited")) == []
    released = positions.synced({"c": {"sent": 5, "edited": 9}}, complete=True)
    assert [(event.n, event.healed) for event in released] == [(5, True), (9, False)]


def test_live_push_during_a_sync_is_not_marked_as_recovered() -> None:
    positions = standing({"c": {"sent": 5}})
    positions.take(push(7))
    positions.asked(catching_up=False)
    received = [passed for event in (push(6), push(8)) for passed in positions.take(event)]
    assert [(event.n, event.healed) for event in received] == [(6, True), (7, False), (8, False)]


def test_events_of_a_sync_after_a_lost_line_are_marked_as_recovered() -> None:
    positions = standing({"c": {"sent": 5}})
    positions.asked(catching_up=True)
    assert [event.healed for event in positions.take(push(6))] == [True]
    positions.synced({"c": {"sent": 6}}, complete=True)
    assert [event.healed for event in positions.take(push(7))] == [False]


def test_older_positions_never_lower_a_position() -> None:
    positions = standing({"c": {"sent": 5}})
    positions.synced({"c": {"sent": 3}}, complete=True)
    assert taken(positions, push(4), push(5), push(6)) == [6]


def test_conversation_that_the_node_no_longer_names_holds_nothing_back() -> None:
    positions = standing({"c": {"sent": 5}})
    positions.take(push(8))
    assert [event.n for event in positions.synced({}, complete=True)] == [8]
    assert not positions.holes


def test_incomplete_sync_closes_only_the_holes_it_answered() -> None:
    positions = standing({"c": {"sent": 5}})
    positions.take(push(9))
    assert positions.synced({"c": {"sent": 7}}, complete=False) == []
    assert positions.holes


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_events_in_any_order_with_repeats_are_passed_on_once_and_in_order(seed: int, count: int) -> None:
    dice = random.Random(seed)
    numbers = [*range(1, count + 1), *(dice.randint(1, count) for _ in range(dice.randint(0, 20)))]
    dice.shuffle(numbers)
    positions = standing({"c": {"sent": 0}})
    assert taken(positions, *map(push, numbers)) == list(range(1, count + 1))
    assert positions.dropped == len(numbers) - count
