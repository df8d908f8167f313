"""The client checks find each violation of a client's rules, and no other, from the frames of its lines."""

import json
from typing import Any

from edge.tools.conformance.client_checks import TIMEOUT_S, Client, Watched

ROOM = "6f1d1f8a-0000-5000-8000-000000000001"


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def frame(**what: Any) -> str:
    return json.dumps(what)


def greeted(client: Client) -> Watched:
    line = Watched(client)
    line.received(frame(type="hello", data={}))
    return line


def sends(line: Watched, key: str, frame_id: int, **more: Any) -> None:
    data = {"conversation_id": ROOM, "client_msg_id": key, "text": key}
    line.sent(frame(id=frame_id, type="message:send", data=data, **more))


def acked(line: Watched, frame_id: int) -> None:
    line.received(frame(id=frame_id, type="ack", data={}))


def pushed(line: Watched, n: int) -> None:
    line.received(frame(type="message:new", lane="sent", n=n, data={"conversation_id": ROOM}))


def syncs(line: Watched, sent: int, frame_id: int = 50) -> None:
    line.sent(frame(id=frame_id, type="sync", data={"positions": {ROOM: {"sent": sent}}}))
    line.received(frame(id=frame_id, type="synced", data={"complete": True, "positions": {ROOM: {"sent": sent}}}))


def broken(client: Client) -> set[str]:
    client.over()
    return set(client.wrong)


def test_correct_client_breaks_no_rule() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    sends(line, "a", 1)
    acked(line, 1)
    pushed(line, 1)
    sends(line, "b", 2)
    sends(line, "c", 3)
    pushed(line, 3)
    syncs(line, 1)
    line.closed()
    clock.at += 1
    line = greeted(client)
    syncs(line, 1)
    sends(line, "b", 1, retry=True)
    sends(line, "c", 2, retry=True)
    assert broken(client) == set()
    assert {"repeats", "order", "claims", "holes", "syncs", "ids", "frames", "hello"} <= set(client.seen)


def test_frame_that_is_no_command_breaks_a_rule() -> None:
    client = Client(Clock())
    greeted(client).sent("nonsense")
    assert broken(client) == {"frames"}


def test_command_before_hello_breaks_a_rule() -> None:
    client = Client(Clock())
    sends(Watched(client), "a", 1)
    assert broken(client) == {"hello"}


def test_duplicate_id_breaks_a_rule() -> None:
    client = Client(Clock())
    line = greeted(client)
    sends(line, "a", 1)
    sends(line, "b", 1)
    assert broken(client) == {"ids"}


def test_command_that_is_not_repeated_after_a_lost_answer_breaks_a_rule() -> None:
    client = Client(Clock())
    line = greeted(client)
    sends(line, "a", 1)
    line.closed()
    syncs(greeted(client), 0)
    assert broken(client) == {"repeats"}


def test_repeat_with_another_body_or_without_retry_breaks_a_rule() -> None:
    for changed in ({"retry": False}, {"retry": True, "type": "message:edit"}):
        client = Client(Clock())
        line = greeted(client)
        sends(line, "a", 1)
        line.closed()
        line = greeted(client)
        syncs(line, 0)
        if "type" in changed:
            data = {"conversation_id": ROOM, "client_msg_id": "a", "text": "other"}
            line.sent(frame(id=1, type="message:send", data=data, retry=True))
        else:
            sends(line, "a", 1)
        assert broken(client) == {"repeats"}


def test_newer_send_before_a_repeat_breaks_a_rule() -> None:
    client = Client(Clock())
    line = greeted(client)
    sends(line, "a", 1)
    line.closed()
    line = greeted(client)
    syncs(line, 0)
    sends(line, "b", 1)
    sends(line, "a", 2, retry=True)
    assert broken(client) == {"order"}


def test_line_without_a_sync_breaks_a_rule() -> None:
    client = Client(clock := Clock())
    greeted(client).closed()
    line = greeted(client)
    clock.at += TIMEOUT_S + 1
    line.closed()
    assert broken(client) == {"syncs"}


def test_gap_without_a_sync_breaks_a_rule() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    pushed(line, 1)
    pushed(line, 3)
    clock.at += TIMEOUT_S + 1
    assert broken(client) == {"holes"}


def test_gap_is_synced_on_the_next_line() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    pushed(line, 1)
    pushed(line, 3)
    line.closed()
    clock.at += TIMEOUT_S + 1
    syncs(greeted(client), 1)
    assert broken(client) == set()


def test_late_push_is_no_gap() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    for n in (1, 3, 2):
        pushed(line, n)
    clock.at += TIMEOUT_S + 1
    assert broken(client) == set()


def test_position_beyond_a_gap_breaks_a_rule() -> None:
    client = Client(Clock())
    line = greeted(client)
    pushed(line, 4)
    pushed(line, 6)
    syncs(line, 4)
    assert broken(client) == set()
    pushed(line, 9)
    line.sent(frame(id=51, type="sync", data={"positions": {ROOM: {"sent": 9}}}))
    assert broken(client) == {"claims"}


def test_early_reconnect_breaks_a_rule() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    line.received(frame(type="going-away", data={"code": 4101, "reconnect_after_ms": 700}))
    line.closed()
    clock.at += 0.5
    syncs(greeted(client), 0)
    assert broken(client) == {"patience"}


def test_line_closed_before_the_next_is_open_breaks_a_rule() -> None:
    client = Client(clock := Clock())
    left = greeted(client)
    left.to_be_left(0.7)
    clock.at += 0.8
    syncs(greeted(client), 0)
    left.closed()
    assert (broken(client), client.seen["leaving"]) == (set(), 1)
    alone = Client(clock)
    left = greeted(alone)
    left.to_be_left(0.7)
    clock.at += 0.8
    left.closed()
    assert broken(alone) == set(), "the client may have ended"
    syncs(greeted(alone), 0)
    assert broken(alone) == {"leaving"}


def test_client_that_ends_before_it_must_leave_breaks_no_rule() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    line.to_be_left(0.7)
    clock.at += 0.5
    line.closed()
    assert broken(client) == set()
    assert client.seen["leaving"] == 0
