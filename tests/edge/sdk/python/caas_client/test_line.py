import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from edge.sdk.python.caas_client import answer_deadline, backoff
from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.wire import CommandError, Event, Refused, comes_back
from schemas.wire.errors import problem
from tests.e2e.processes import free_port
from tests.edge.fake_node import FakeNode, fake_node, no_fault
from tests.eventually import eventually


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with fake_node() as node:
        yield node


class Heard:
    """What one application was shown."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def numbers(self, lane: str = "sent") -> list[int | None]:
        return [event.n for event in self.events if event.lane == lane]

    def healed(self) -> list[int | None]:
        return [event.n for event in self.events if event.lane == "sent" and event.healed]


@asynccontextmanager
async def two(node: FakeNode) -> AsyncIterator[tuple[Line, Line, Heard, str]]:
    """Ada, who owns a room, Bo, who is in it, what Bo hears, and the room."""
    heard = Heard()
    async with Line(node.urls, "ada") as ada, Line(node.urls, "bo", listener=heard) as bo:
        room = (await ada.command("conversation:create", {"external_id": "room"}))["conversation_id"]
        await ada.command("conversation:add-participants", {"conversation_id": room, "participants": ["bo"]})
        yield ada, bo, heard, room


def said(room: str, key: object) -> dict[str, Any]:
    return {"conversation_id": room, "client_msg_id": str(key), "text": f"text {key}"}


def nested(deep: int) -> dict[str, Any]:
    found: Any = 1
    for _ in range(deep - 1):
        found = [found]
    return {"a": found}


async def test_client_sends_its_token_and_the_subprotocol(node: FakeNode) -> None:
    client = Line(node.urls, "ada")
    hello = await client.connect()
    await client.close()
    assert hello["user_id"] == "ada"
    assert node.headers[0]["Authorization"] == "Bearer ada"
    assert node.headers[0]["protocol"] == "caas.v1.json"


async def test_rejection_is_raised_with_its_code(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, _heard, room):
        with pytest.raises(CommandError) as no:
            await ada.command("message:delete", {"conversation_id": room, "message_id": "none"})
    assert no.value.code == "message_not_found"


async def test_answer_that_is_too_large_fails_its_call_and_keeps_the_line(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, _heard, room):
        node.answers["conversation:get"] = {"participants": ["x" * 5_000_000]}
        asked = ada.ask("conversation:get", {"conversation_id": room})
        other = ada.ask("message:send", said(room, 1))
        with pytest.raises(CommandError) as no:
            await asked
        assert (no.value.code, no.value.retry) == ("too_large", False)
        assert (await other)["level"] == "accepted"
        assert ada.connections == 1


def test_rejection_names_the_invalid_fields() -> None:
    where = [{"pointer": "/data/text", "code": "type"}, {"pointer": "/data/reply_to", "code": "value"}]
    wrong = CommandError(problem("validation_failed", "Expected `str`, got `int`", errors=where))
    assert str(wrong) == "validation_failed: Expected `str`, got `int` (/data/text, /data/reply_to)"
    assert str(CommandError(problem("not_found", "gone"))) == "not_found: gone"


async def test_unreachable_node_is_logged_once_and_its_return_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "caas.client")
    port = free_port()
    url = f"ws://127.0.0.1:{port}/socket"
    client = Line(url, "ada")
    ready = client.start()

    def said(level: int) -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno == level]

    await eventually(lambda: len(said(logging.DEBUG)) >= 2)
    (line,) = said(logging.INFO)
    assert line.startswith(f"no line to {url}, it is tried again: ") and "ada" not in line
    async with fake_node(port):
        await ready
    await client.close()
    assert said(logging.INFO)[1:2] == [f"there is a line to {url} again"]


async def test_commands_beyond_the_limit_of_the_node_wait_in_order(node: FakeNode) -> None:
    node.in_flight = 3
    async with two(node) as (ada, _bo, heard, room):
        node.holds_answers = asyncio.Event()
        asked = [asyncio.create_task(ada.command("message:send", said(room, key))) for key in range(10)]
        await eventually(lambda: len(node.frames) > 2)
        node.holds_answers.set()
        await asyncio.gather(*asked)
        keys = [frame["data"]["client_msg_id"] for _, frame in node.frames if frame["type"] == "message:send"]
        assert keys == [str(key) for key in range(10)]
        await eventually(lambda: heard.numbers() == list(range(1, 11)))


async def test_command_whose_answer_was_lost_is_repeated_with_its_keys(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, heard, room):
        lost = iter([4408])
        node.cuts = lambda user, frame: next(lost, None) if frame["type"] == "message:send" else None
        answers = await asyncio.gather(*(ada.command("message:send", said(room, key)) for key in range(5)))
        assert len({answer["message_id"] for answer in answers}) == 5
        sends = [frame for _, frame in node.frames if frame["type"] == "message:send"]
        again = [frame for frame in sends if frame.get("retry")]
        assert again[0]["correlation_id"] == sends[0]["correlation_id"]
        assert again[0]["data"]["client_msg_id"] == "0"
        keys = [message.client_msg_id for message in node.conversations[room].messages.values()]
        assert keys == ["0", "1", "2", "3", "4"]
        await eventually(lambda: heard.numbers() == [1, 2, 3, 4, 5])


async def test_command_keeps_the_trace_context_of_when_it_was_asked(node: FakeNode) -> None:
    contexts = iter(["one", None, "three"])
    lost = iter([4408])
    async with Line(node.urls, "ada", traceparent=lambda: next(contexts)) as ada:
        room = (await ada.command("conversation:create", {"external_id": "room"}))["conversation_id"]
        node.cuts = lambda user, frame: next(lost, None) if frame["data"].get("client_msg_id") == "2" else None
        await asyncio.gather(*(ada.command("message:send", said(room, key)) for key in (1, 2)))
    asked = [frame.get("traceparent") for _, frame in node.frames if frame["type"] != "auth"]
    assert asked[0] == "one" and set(asked[1:]) == {None, "three"}
    assert [frame["traceparent"] for _, frame in node.frames if frame.get("retry")][-1:] == ["three"]


async def test_retry_of_a_command_is_not_overtaken_by_later_ones(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, _heard, room):
        failing = iter(["unavailable", "not_ready"])
        node.in_flight = 1
        ada._asking.opened(1, 65536)
        node.fails = lambda user, frame: next(failing, None) if frame["data"].get("client_msg_id") == "0" else None
        await asyncio.gather(*(ada.command("message:send", said(room, key)) for key in range(4)))
        keys = [message.client_msg_id for message in node.conversations[room].messages.values()]
        assert keys == ["0", "1", "2", "3"]


async def test_cancelled_command_frees_its_place_when_it_is_answered(node: FakeNode) -> None:
    node.in_flight = 1
    async with Line(node.urls, "ada") as ada:
        node.holds_answers = asyncio.Event()
        given_up = asyncio.create_task(ada.command("conversation:create", {"external_id": "room"}))
        await eventually(lambda: len(node.frames) == 1)
        after = asyncio.create_task(ada.command("conversation:create", {"external_id": "other"}))
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        node.holds_answers.set()
        async with asyncio.timeout(5):
            await after


async def test_retries_end_with_the_error(node: FakeNode) -> None:
    async with Line(node.urls, "ada", patience=0.0) as ada:
        node.fails = lambda user, frame: "unavailable"
        with pytest.raises(CommandError) as no:
            await ada.command("conversation:create", {"external_id": "room"})
    assert no.value.code == "unavailable"


async def test_lost_push_is_recovered_in_order_and_marked(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, heard, room):
        node.loses = lambda user, lane, n: user == "bo" and lane == "sent" and n in {2, 3}
        for key in range(5):
            await ada.command("message:send", said(room, key))
        await eventually(lambda: heard.numbers() == [1, 2, 3, 4, 5])
        assert heard.healed() == [2, 3]


async def test_no_event_of_a_conversation_is_passed_on_before_its_gap_is_filled(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, heard, room):
        other = (await ada.command("conversation:create", {"external_id": "other"}))["conversation_id"]
        await ada.command("conversation:add-participants", {"conversation_id": other, "participants": ["bo"]})
        node.loses = lambda user, lane, n: user == "bo" and lane == "sent" and n == 2
        said_at = [(await ada.command("message:send", said(room, key)))["message_id"] for key in range(3)]
        await ada.command("message:edit", {"conversation_id": room, "message_id": said_at[0], "text": "new"})
        node.loses = no_fault
        await ada.command("message:send", said(other, "elsewhere"))
        await eventually(lambda: heard.numbers("edited") == [1])
        heard_events = [(event.lane, event.n) for event in heard.events if event.lane in {"sent", "edited"}]
        here = [
            (e.lane, e.n) for e in heard.events if e.data["conversation_id"] == room and e.lane in {"sent", "edited"}
        ]
        assert here == [("sent", 1), ("sent", 2), ("sent", 3), ("edited", 1)]
        assert heard_events[1] == ("sent", 1), "another conversation does not wait"


async def test_repeated_push_is_passed_on_once(node: FakeNode) -> None:
    async with two(node) as (ada, bo, heard, room):
        await eventually(lambda: heard.numbers("conversation") == [2])
        node.doubles = True
        for key in range(3):
            await ada.command("message:send", said(room, key))
        await eventually(lambda: bo.dropped == 3)
        assert heard.numbers() == [1, 2, 3]


async def test_events_missed_while_disconnected_are_recovered(node: FakeNode) -> None:
    async with two(node) as (ada, bo, heard, room):
        await ada.command("message:send", said(room, 0))
        await eventually(lambda: heard.numbers() == [1])
        await node.cut("bo")
        await ada.command("message:send", said(room, 1))
        await eventually(lambda: heard.numbers() == [1, 2])
        assert heard.healed() == [2]
        assert bo.connections == 2


async def test_client_reconnects_to_the_next_address(node: FakeNode) -> None:
    async with Line(node.urls, "ada") as ada:
        await node.cut("ada")
        await eventually(lambda: ada.connections == 2)
    assert node.connected == ["/socket", "/socket2"]


async def test_unreachable_address_is_skipped(node: FakeNode) -> None:
    async with Line(["ws://127.0.0.1:9/socket", *node.urls], "ada") as ada:
        assert ada.connections == 1


async def test_token_source_is_called_for_each_line(node: FakeNode) -> None:
    asked: list[int] = []

    async def token() -> str:
        asked.append(1)
        return "ada"

    async with Line(node.urls, token) as ada:
        await node.cut("ada", 4401)
        await eventually(lambda: ada.connections == 2)
    assert len(asked) == 2


async def test_token_is_renewed_before_it_expires(node: FakeNode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "caas.client")
    node.expires_in = 1
    node.answers |= {"auth": {"user_id": "ada", "expires_in": 900}, "conversation:list": {}}
    shown: list[str] = []

    async def source() -> str:
        shown.append("ada")
        if len(shown) == 2:
            raise ConnectionError("nobody there")
        return "ada"

    async with Line(node.urls, source) as ada:
        await eventually(lambda: [frame["type"] for _, frame in node.frames] == ["auth"])
        assert node.frames[0][1]["data"] == {"token": "ada"}
        await ada.command("conversation:list", {})
        assert (ada.connections, len(shown)) == (1, 3)
    assert "no token to keep the line with: nobody there" in caplog.text


async def test_refused_renewal_keeps_the_open_line(node: FakeNode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "caas.client")
    node.expires_in, node.fails = 1, lambda _, frame: "unauthorized" if frame["type"] == "auth" else None
    node.answers["conversation:list"] = {}

    async def source() -> str:
        return "ada"

    async with Line(node.urls, source) as ada:
        await eventually(lambda: "another token is refused" in caplog.text)
        await ada.command("conversation:list", {})
        assert ada.connections == 1


async def test_client_with_a_fixed_token_renews_nothing(node: FakeNode) -> None:
    node.expires_in, node.answers["conversation:list"] = 0, {}
    async with Line(node.urls, "ada") as ada:
        await ada.command("conversation:list", {})
        assert [task.get_name() for task in asyncio.all_tasks() if "TokenRenewal.keep" in repr(task.get_coro())] == []


async def test_refused_client_stops_and_fails_every_waiting_command(node: FakeNode) -> None:
    ada = Line(node.urls, "ada")
    await ada.connect()
    node.holds_answers = asyncio.Event()
    waiting = asyncio.create_task(ada.command("conversation:create", {"external_id": "room"}))
    await eventually(lambda: len(node.frames) == 1)
    node.holds_answers.set()
    await node.cut("ada", 4509)
    with pytest.raises(Refused) as refused:
        await ada.command("conversation:create", {"external_id": "room"})
        await ada.command("conversation:create", {"external_id": "room"})
        async for _ in ada.events():
            pass
    await asyncio.gather(waiting, return_exceptions=True)
    await ada.close()
    assert refused.value.close_code == 4509


async def test_invalid_token_is_refused_at_the_first_line(node: FakeNode) -> None:
    node.refuses_with = 4501
    with pytest.raises(Refused) as refused:
        await Line(node.urls, "ada").connect()
    assert refused.value.close_code == 4501


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_another_server_at_the_address_ends_no_client_that_was_connected(node: FakeNode, status: int) -> None:
    async with Line(node.urls, "ada") as ada:
        node.status = status
        await node.cut("ada", 1011)
        waiting = ada.ask("conversation:create", {"external_id": "room"})
        await eventually(lambda: node.strangers_asked >= len(node.urls))
        node.status = None
        assert (await waiting)["level"] == "accepted"


async def test_another_server_at_the_first_address_ends_the_client(node: FakeNode) -> None:
    node.status = 404
    with pytest.raises(Refused) as refused:
        await Line(node.urls, "ada").connect()
    assert refused.value.close_code == 404


async def test_events_are_iterated_and_end_with_close(node: FakeNode) -> None:
    ada = Line(node.urls, "ada")
    await ada.connect()
    await ada.command("conversation:create", {"external_id": "room"})
    taken = []
    async for event in ada.events():
        taken.append(event.type)
        await ada.close()
    assert taken == ["conversation:updated"]


async def test_frame_above_the_limit_is_not_sent(node: FakeNode) -> None:
    async with Line(node.urls, "ada") as ada:
        with pytest.raises(CommandError) as large:
            await ada.command("message:send", said("c", "x" * 70_000))
        with pytest.raises(CommandError) as strange:
            await ada.command("message:send", {"text": object()})
    assert (large.value.code, strange.value.code) == ("too_large", "validation_failed")
    assert node.frames == []


async def test_given_positions_are_synced_at_once(node: FakeNode) -> None:
    async with two(node) as (ada, bo, heard, room):
        await ada.command("message:send", said(room, 0))
        await eventually(lambda: heard.numbers() == [1])
        stood = bo.positions()
        await bo.close()
        await ada.command("message:send", said(room, 1))
        later = Heard()
        async with Line(node.urls, "bo", positions=stood, listener=later):
            await eventually(lambda: later.numbers() == [2])


async def test_first_positions_are_asked_again_until_a_node_answers(node: FakeNode) -> None:
    failing = iter(["unavailable", "not_ready"])
    node.fails = lambda user, frame: next(failing, None) if frame["type"] == "sync" else None
    async with Line(node.urls, "ada") as ada:
        assert [frame["data"] for _, frame in node.syncs] == [{"positions": {}, "user": 0, "tell": False}] * 3
        await node.cut("ada")
        await eventually(lambda: len(node.syncs) == 4)
        assert node.syncs[3][1]["data"] == {"positions": {}, "user": 0}
        assert ada.connections == 2


async def test_line_that_breaks_before_the_first_positions_are_known_does_not_count(node: FakeNode) -> None:
    closing = iter([4408])
    node.cuts = lambda user, frame: next(closing, None) if frame["type"] == "sync" else None
    async with Line(node.urls, "ada") as ada:
        assert ada.connections == 2
        assert [frame["data"].get("tell") for _, frame in node.syncs] == [False, False]


def test_range_of_a_close_code_decides_whether_to_reconnect() -> None:
    assert all(comes_back(code) for code in (None, 1001, 1006, 1011, 1012, 1013, 4000, 4101, 4401, 4499))
    assert not any(comes_back(code) for code in (1000, 1002, 1009, 4500, 4501, 4999, 5000))


def pauses(count: int) -> Iterator[float]:
    back = backoff.Backoff()
    return (back.next() for _ in range(count))


def test_reconnect_pauses_double_up_to_a_maximum_with_jitter() -> None:
    for failures, pause in enumerate(pauses(12)):
        whole = min(10.0, 0.1 * 2**failures)
        assert whole / 2 <= pause <= whole


def test_client_reconnects_soon_after_a_planned_stop() -> None:
    back = backoff.Backoff()
    back.ended(backoff.DRAINING, 0)
    assert max(back.next() for _ in range(backoff.SOON_TRIES)) <= backoff.SOON_S
    assert back.next() > backoff.SOON_S


def test_rate_limited_client_reconnects_later_however_long_its_line_lasted() -> None:
    back = backoff.Backoff(failures=7)
    back.ended(backoff.RATE_LIMITED, backoff.STEADY_S + 1)
    assert backoff.LONGEST_S / 2 <= back.next() <= backoff.LONGEST_S
    back = backoff.Backoff()
    back.ended(backoff.RATE_LIMITED, 0)
    assert backoff.LATER_S <= back.next() <= 2 * backoff.LATER_S
    assert back.next() < backoff.LATER_S


async def test_rate_limited_line_is_reconnected_after_a_second(node: FakeNode) -> None:
    async with Line(node.urls, "ada") as ada:
        began = time.monotonic()
        await node.cut("ada", backoff.RATE_LIMITED)
        await eventually(lambda: ada.connections == 2)
        assert time.monotonic() - began >= backoff.LATER_S


# What no node could read, and what no node answers


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"metadata": {"a": float("nan")}}, "metadata"),
        ({"metadata": {"a": [float("-inf")]}}, "metadata"),
        ({"metadata": nested(1_500)}, "metadata"),
        ({"text": "a", "more": nested(100_000)}, "more"),
    ],
    ids=["not a number", "beyond all numbers", "nested deep", "nested deeper than Python goes"],
)
async def test_value_that_is_no_json_is_refused_and_the_next_command_is_sent(
    node: FakeNode, data: dict[str, Any], field: str
) -> None:
    async with two(node) as (ada, _bo, _heard, room):
        bad = ada.ask("message:send", {**said(room, "bad"), **data})
        good = ada.ask("message:send", said(room, "good"))
        with pytest.raises(CommandError) as no:
            await bad
        assert (no.value.code, [one["pointer"] for one in no.value.problem.errors or ()]) == (
            "validation_failed",
            [f"/data/{field}"],
        )
        assert (await good)["level"] == "accepted"
        assert ada.connections == 1


async def test_integer_too_long_to_write_is_refused_in_turn(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, _heard, room):
        with pytest.raises(CommandError) as no:
            await ada.ask("message:send", {**said(room, "bad"), "metadata": {"a": 10**5_000}})
        assert no.value.code == "validation_failed"
        await ada.command("message:send", said(room, "good"))


async def test_lone_surrogates_are_replaced_wherever_they_stand(node: FakeNode) -> None:
    node.answers["presence:set"] = {}
    async with two(node) as (ada, _bo, _heard, room):
        more = {"metadata": {"a\ud800": ["\udc00b", {"c": "\ud83d\udc4d"}]}, "mentions": ("\ud83d",)}
        await ada.command("message:send", {**said(room, "k"), "text": "x\ud800y", "\udfff": 1, **more})
        sent = node.frames[-1][1]["data"]
        assert sent["text"] == "x\ufffdy"
        assert sent["metadata"] == {"a\ufffd": ["\ufffdb", {"c": "👍"}]}
        assert (sent["mentions"], sent["\ufffd"]) == (["\ufffd"], 1)
        await ada.command("presence:set", {"status": "\ud800"})
        await node.cut("ada")
        await eventually(
            lambda: [f["data"] for _, f in node.frames if f["type"] == "presence:set"] == [{"status": "\ufffd"}] * 2
        )


async def test_error_without_an_id_fails_the_only_command_in_flight(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, _heard, room):
        node.nameless = lambda user, frame: "bad" in str(frame["data"])
        with pytest.raises(CommandError) as no:
            await ada.command("message:send", said(room, "bad"))
        assert no.value.code == "invalid_json"
        await ada.command("message:send", said(room, "good"))
        assert ada.connections == 1


async def test_error_without_an_id_fails_the_one_command_left_unanswered(node: FakeNode) -> None:
    async with two(node) as (ada, _bo, _heard, room):
        other = (await ada.command("conversation:create", {"external_id": "other"}))["conversation_id"]
        node.nameless = lambda user, frame: "bad" in str(frame["data"])
        node.holds_answers = asyncio.Event()
        asked = [ada.ask("message:send", said(where, key)) for where, key in ((room, "bad"), (other, "slow"))]
        await eventually(lambda: len([f for _, f in node.frames if f["type"] == "message:send"]) == 2)
        assert not asked[0].done()
        node.holds_answers.set()
        assert (await asked[1])["level"] == "accepted"
        with pytest.raises(CommandError, match="invalid_json"):
            await asked[0]


async def test_line_that_does_not_answer_is_left_and_the_command_repeated(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_deadline, "ANSWER_S", 0.5)
    async with two(node) as (ada, _bo, heard, room):
        silent = iter([True])
        node.silent = lambda user, frame: frame["type"] == "message:send" and next(silent, False)
        assert (await ada.command("message:send", said(room, 0)))["level"] == "persisted"
        assert ada.connections >= 2
        await eventually(lambda: heard.numbers() == [1])


async def test_command_that_is_never_answered_fails_and_holds_nothing_back(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_deadline, "ANSWER_S", 0.5)
    async with Line(node.urls, "ada", patience=0.8) as ada:
        room = (await ada.command("conversation:create", {"external_id": "room"}))["conversation_id"]
        node.silent = lambda user, frame: frame["data"].get("client_msg_id") == "never"
        never, next_one = (ada.ask("message:send", said(room, key)) for key in ("never", "next"))
        with pytest.raises(CommandError) as no:
            await never
        assert (no.value.code, no.value.retry) == ("outcome_unknown", True)
        assert (await next_one)["level"] in {"accepted", "persisted"}


async def test_sync_without_an_answer_is_repeated(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_deadline, "ANSWER_S", 0.5)
    silent = iter([True])
    node.silent = lambda user, frame: frame["type"] == "sync" and next(silent, False)
    async with Line(node.urls, "ada") as ada:
        assert ada.connections >= 2


async def eventually_answered(line: Line, asked: "asyncio.Future[dict[str, Any]]") -> str:
    """The level of an answer, for which events are taken."""
    taking = asyncio.create_task(take_all(line))
    level: str = (await asked)["level"]
    taking.cancel()
    return level


async def take_all(line: Line) -> None:
    async for _ in line.events():
        pass


async def test_application_without_events_waits_for_no_late_event(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_deadline, "ANSWER_S", 1.0)
    ada = Line(node.urls, "ada")
    ada._inbox._limit = 1
    async with ada:
        room = (await ada.command("conversation:create", {"external_id": "room"}))["conversation_id"]
        asked = ada.ask("message:send", said(room, 0))
        began = time.monotonic()
        await eventually(lambda: time.monotonic() - began > 1.5)
        assert (ada.connections, asked.done()) == (1, False)
        assert await eventually_answered(ada, asked) == "accepted"
        assert ada.connections == 1
