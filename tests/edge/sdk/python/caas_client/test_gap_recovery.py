import asyncio
import json
from typing import Any

from edge.sdk.python.caas_client.gap_recovery import GapRecovery
from edge.sdk.python.caas_client.lane_positions import LanePositions
from edge.sdk.python.caas_client.sync_parts import MOST
from edge.sdk.python.caas_client.wire import Event, read
from schemas.bounds import FRAME_BYTES
from schemas.wire.request import decode_command, decode_frame
from tests.eventually import eventually

Json = dict[str, Any]


def conversation(number: int) -> str:
    return f"00000000-0000-5000-8000-{number:012d}"


def push(n: int, key: str, lane: str = "sent") -> Event:
    return Event("message:new", {"conversation_id": key}, lane, n)


class Healer:
    """A healing of these positions, and what it asked."""

    def __init__(self, vector: dict[str, dict[str, int]], *, beginning: bool = False) -> None:
        self.frames: list[bytes] = []
        self.positions = LanePositions(vector)
        self.healing = GapRecovery(self.positions, self.frames.append, beginning=beginning)

    @property
    def asked(self) -> Json:
        data: Json = json.loads(self.frames[-1])["data"]
        return data

    def synced(self, positions: dict[str, dict[str, int]], *, complete: bool = True, **more: Any) -> list[Event]:
        return self.answered(type="synced", data={"complete": complete, "positions": positions, **more})

    def answered(self, **frame: Any) -> list[Event]:
        frame_id = json.loads(self.frames[-1])["id"]
        released = self.healing.answered(read(json.dumps({"id": frame_id, **frame})))
        assert released is not None
        return list(released)


def standing(count: int) -> dict[str, dict[str, int]]:
    lanes = ("conversation", "sent", "edited", "deleted", "reaction")
    return {conversation(number): dict.fromkeys(lanes, 2**40) for number in range(1, count + 1)}


async def test_sync_of_many_conversations_is_split_into_parts_with_every_id() -> None:
    vector = standing(2 * MOST + 50)
    healer = Healer({**vector, "user": {"user": 7}})
    healer.healing.came_back()
    asked = []
    while len(asked) < len(healer.frames):
        asked.append(healer.asked)
        healer.synced(healer.asked["positions"], **({"user": 7} if "user" in healer.asked else {}))
    bounds = [(one.get("after"), one.get("upto")) for one in asked]
    assert bounds[0][0] is None
    assert bounds[-1][1] is None
    assert [upto for _, upto in bounds[:-1]] == [after for after, _ in bounds[1:]]
    assert {key: lanes for one in asked for key, lanes in one["positions"].items()} == vector
    assert [one.get("user") for one in asked] == [7, *(None for _ in asked[1:])]
    assert all(len(one["positions"]) <= MOST for one in asked)


async def test_frame_of_a_sync_is_within_the_limit_of_the_node() -> None:
    for limit in (FRAME_BYTES, 4_096):
        healer = Healer(standing(MOST))
        healer.healing.came_back(limit)
        answered = 0
        while answered < len(healer.frames):
            answered += 1
            healer.synced({})
        assert max(map(len, healer.frames)) <= limit
        for frame in healer.frames:
            decode_command(decode_frame(frame.decode()))


async def test_positions_that_fit_no_frame_reset_the_application() -> None:
    healer = Healer(standing(1))
    (reset,) = healer.healing.came_back(100)
    assert (reset.type, reset.error and reset.error.code, healer.frames) == ("reset", "too_large", [])


async def test_incomplete_part_is_continued_from_its_positions() -> None:
    healer = Healer(standing(MOST + 1))
    healer.healing.came_back()
    first = healer.asked
    healer.synced({conversation(1): {"sent": 2**41}}, complete=False, user=0)
    again = healer.asked
    assert (again.get("after"), again["upto"]) == (first.get("after"), first["upto"])
    assert again["positions"][conversation(1)]["sent"] == 2**41
    healer.synced({}, user=0)
    assert (healer.asked["after"], healer.asked.get("upto")) == (first["upto"], None)


async def test_part_that_names_new_conversations_is_smaller() -> None:
    healer = Healer(standing(MOST))
    healer.healing.came_back()
    healer.synced({conversation(MOST + number): {"sent": 1} for number in (1, 2)}, complete=False, user=0)
    assert healer.asked["upto"] == conversation(MOST)
    healer.synced({}, user=0)
    assert list(healer.asked["positions"]) == [conversation(MOST + 1), conversation(MOST + 2)]


async def test_sync_without_progress_is_a_reset() -> None:
    healer = Healer(standing(1))
    healer.healing.came_back()
    (reset,) = healer.synced({}, complete=False)
    assert (reset.type, len(healer.frames)) == ("reset", 1)


async def test_gap_syncs_only_the_part_that_has_it() -> None:
    healer = Healer(standing(2 * MOST))
    healer.positions.user_id = "ada"
    list(healer.healing.take(push(2**40 + 2, conversation(2 * MOST))))
    await eventually(lambda: len(healer.frames) == 1)
    assert (healer.asked["after"], "user" in healer.asked) == (conversation(MOST), False)
    assert [event.n for event in healer.synced({conversation(2 * MOST): {"sent": 2**40 + 2}})] == [2**40 + 2]
    assert len(healer.frames) == 1


async def test_gap_in_the_user_lane_is_recovered_and_holds_back_no_conversation() -> None:
    healer = Healer({conversation(1): {"sent": 5}, "user": {"user": 3}})
    assert list(healer.healing.take(push(6, "x", "user"))) == []
    assert [event.n for event in healer.healing.take(push(6, conversation(1)))] == [6]
    await eventually(lambda: len(healer.frames) == 1)
    assert healer.asked["user"] == 3
    received = [event.n for n in (4, 5, 5) for event in healer.healing.take(push(n, "y", "user"))]
    assert received == [4, 5, 6]
    assert healer.synced({conversation(1): {"sent": 6}}, user=6) == []
    assert healer.positions.vector() == {conversation(1): standing_at(6), "user": {"user": 6}}
    assert healer.positions.dropped == 1


def standing_at(sent: int) -> dict[str, int]:
    return {"sent": sent, "edited": 0, "deleted": 0, "reaction": 0}


async def test_client_of_a_node_without_inbox_waits_for_no_user_lane() -> None:
    healer = Healer({conversation(1): {"sent": 5}})
    healer.healing.came_back()
    assert healer.asked["user"] == 0
    assert list(healer.healing.take(push(9, "x", "user"))) == []
    assert [event.n for event in healer.synced({conversation(1): {"sent": 5}})] == [9]


async def test_positions_named_in_a_reset_are_dropped_and_synced_again() -> None:
    one, other = conversation(1), conversation(2)
    healer = Healer({one: {"sent": 9}, other: {"sent": 4}, "user": {"user": 8}})
    healer.healing.came_back()
    events = healer.synced({one: {"sent": 9}, other: {"sent": 4}}, user=8, reset=[one, "user"])
    assert [(event.type, event.data) for event in events] == [("reset", {"reset": [one, "user"]})]
    assert healer.asked["positions"] == {other: {"sent": 4}}
    assert healer.asked["user"] == 0
    again = [event for n in (1, 2) for event in healer.healing.take(push(n, one))]
    assert [(event.n, event.healed) for event in again] == [(1, True), (2, True)]
    assert healer.synced({one: {"sent": 2}, other: {"sent": 4}}, user=0) == []
    assert healer.positions.vector()[one]["sent"] == 2
    assert healer.positions.vector()["user"] == {"user": 0}
    assert len(healer.frames) == 2


async def test_reset_of_an_unknown_conversation_changes_nothing() -> None:
    healer = Healer({conversation(1): {"sent": 9}})
    healer.healing.came_back()
    assert healer.synced({conversation(1): {"sent": 9}}, user=0, reset=[conversation(2)]) == []
    assert len(healer.frames) == 1


async def test_first_positions_include_the_user_lane() -> None:
    healer = Healer({}, beginning=True)
    healer.healing.came_back()
    assert healer.asked == {"positions": {}, "user": 0, "tell": False}
    healer.synced({conversation(1): {"sent": 5}}, user=12)
    assert [event.n for event in healer.healing.take(push(13, "x", "user"))] == [13]


async def test_first_positions_of_many_conversations_are_asked_until_complete() -> None:
    healer = Healer({}, beginning=True)
    healer.healing.came_back()
    healer.synced({conversation(number): {"sent": 0} for number in (2, 3, 1)}, complete=False, user=12)
    assert healer.healing.beginning
    assert healer.asked == {"positions": {}, "after": conversation(3), "tell": False}
    healer.synced({conversation(4): {"sent": 9}})
    assert not healer.healing.beginning
    assert healer.positions.vector()[conversation(4)]["sent"] == 9
    assert [event.n for event in healer.healing.take(push(10, conversation(4)))] == [10]


async def test_sync_is_repeated_after_the_pause_that_the_node_asks_for() -> None:
    healer = Healer({})
    healer.healing.came_back()
    loop = asyncio.get_running_loop()
    began = loop.time()
    problem = {"code": "rate_limited", "title": "t", "detail": "d", "retry": True, "retry_after_ms": 600}
    healer.answered(type="error", error=problem)
    await eventually(lambda: len(healer.frames) == 2)
    assert loop.time() - began >= 0.6
