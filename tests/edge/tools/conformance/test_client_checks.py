"""What a client may do, and what not, as it is seen from the middle of its lines."""

import json
from typing import Any

from edge.tools.conformance.client_checks import SOON_S, Client, Watched

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
    line.told(frame(type="hello", data={}))
    return line


def sends(line: Watched, key: str, frame_id: int, **more: Any) -> None:
    data = {"conversation_id": ROOM, "client_msg_id": key, "text": key}
    line.sent(frame(id=frame_id, type="message:send", data=data, **more))


def acked(line: Watched, frame_id: int) -> None:
    line.told(frame(id=frame_id, type="ack", data={}))


def pushed(line: Watched, n: int) -> None:
    line.told(frame(type="message:new", lane="sent", n=n, data={"conversation_id": ROOM}))


def syncs(line: Watched, sent: int, frame_id: int = 50) -> None:
    line.sent(frame(id=frame_id, type="sync", data={"positions": {ROOM: {"sent": sent}}}))
    line.told(frame(id=frame_id, type="synced", data={"complete": True, "positions": {ROOM: {"sent": sent}}}))


def broken(client: Client) -> set[str]:
    client.over()
    return set(client.wrong)


def test_a_client_that_does_all_it_should_breaks_nothing() -> None:
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


def test_what_is_no_command_breaks_a_rule() -> None:
    client = Client(Clock())
    greeted(client).sent("nonsense")
    assert broken(client) == {"frames"}


def test_a_command_before_hello_breaks_a_rule() -> None:
    client = Client(Clock())
    sends(Watched(client), "a", 1)
    assert broken(client) == {"hello"}


def test_an_id_twice_breaks_a_rule() -> None:
    client = Client(Clock())
    line = greeted(client)
    sends(line, "a", 1)
    sends(line, "b", 1)
    assert broken(client) == {"ids"}


def test_a_swallowed_answer_that_is_never_asked_for_again_breaks_a_rule() -> None:
    client = Client(Clock())
    line = greeted(client)
    sends(line, "a", 1)
    line.closed()
    syncs(greeted(client), 0)
    assert broken(client) == {"repeats"}


def test_a_repeat_with_another_body_or_without_retry_breaks_a_rule() -> None:
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


def test_a_newer_send_before_a_repeat_breaks_a_rule() -> None:
    client = Client(Clock())
    line = greeted(client)
    sends(line, "a", 1)
    line.closed()
    line = greeted(client)
    syncs(line, 0)
    sends(line, "b", 1)
    sends(line, "a", 2, retry=True)
    assert broken(client) == {"order"}


def test_a_line_without_a_sync_breaks_a_rule() -> None:
    client = Client(clock := Clock())
    greeted(client).closed()
    line = greeted(client)
    clock.at += SOON_S + 1
    line.closed()
    assert broken(client) == {"syncs"}


def test_a_hole_that_nobody_asks_about_breaks_a_rule() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    pushed(line, 1)
    pushed(line, 3)
    clock.at += SOON_S + 1
    assert broken(client) == {"holes"}


def test_a_hole_is_asked_about_when_there_is_a_line_again() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    pushed(line, 1)
    pushed(line, 3)
    line.closed()
    clock.at += SOON_S + 1
    syncs(greeted(client), 1)
    assert broken(client) == set()


def test_a_hole_that_was_only_late_is_none() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    for n in (1, 3, 2):
        pushed(line, n)
    clock.at += SOON_S + 1
    assert broken(client) == set()


def test_a_position_beyond_a_hole_breaks_a_rule() -> None:
    client = Client(Clock())
    line = greeted(client)
    pushed(line, 4)
    pushed(line, 6)
    syncs(line, 4)
    assert broken(client) == set()
    pushed(line, 9)
    line.sent(frame(id=51, type="sync", data={"positions": {ROOM: {"sent": 9}}}))
    assert broken(client) == {"claims"}


def test_coming_back_too_early_breaks_a_rule() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    line.told(frame(type="going-away", data={"code": 4101, "reconnect_after_ms": 700}))
    line.closed()
    clock.at += 0.5
    syncs(greeted(client), 0)
    assert broken(client) == {"patience"}


def test_a_line_that_is_left_before_the_next_is_open_breaks_a_rule() -> None:
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
    assert broken(alone) == set(), "it may have ended"
    syncs(greeted(alone), 0)
    assert broken(alone) == {"leaving"}


def test_a_client_that_is_done_before_it_was_to_leave_breaks_no_rule() -> None:
    client = Client(clock := Clock())
    line = greeted(client)
    line.to_be_left(0.7)
    clock.at += 0.5
    line.closed()
    assert broken(client) == set()
    assert client.seen["leaving"] == 0
