"""A stranger writes a client from the protocol's page: all is in it, and every example is one."""

from typing import Any

import msgspec
import pytest

from schemas import commands
from schemas.commands import ANSWER_OF, COMMANDS
from schemas.export.asyncapi_socket import PUSHES
from schemas.wire import answers, frames, request, tokens
from schemas.wire.errors import CLOSES, ERRORS, Problem
from schemas.wire.field_errors import CODES
from schemas.wire.frames import PUSH_OF_LANE, PUSH_OF_USER, USER
from schemas.wire.request import decode_command, decode_frame
from tests.docs.pages import Example, examples, headings, page, rows

PAGE = "protocol.md"
ASKED = examples(PAGE, "json client")
SAID = examples(PAGE, "json node")
NUMBERED = {**PUSH_OF_LANE, USER: PUSH_OF_USER}


@pytest.mark.parametrize("name", [*COMMANDS, *PUSHES, "going-away", "error"])
def test_every_command_and_push_has_a_heading(name: str) -> None:
    assert name in headings(PAGE) | {"hello"}


def test_every_command_has_an_example_that_decodes() -> None:
    decoded = [decode_command(decode_frame(example.text)) for example in ASKED]
    assert {commands.NAME_OF[type(command)] for command in decoded} == COMMANDS.keys()


@pytest.mark.parametrize("example", ASKED, ids=lambda example: decode_frame(example.text).type)
def test_an_example_of_a_command_has_only_fields_that_there_are(example: Example) -> None:
    frame = msgspec.json.decode(example.text)
    assert frame.keys() <= set(request.Frame.__struct_fields__)
    assert frame["data"].keys() <= set(COMMANDS[frame["type"]].__struct_fields__)


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """Any frame of a node."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    id: int | str | None = None
    lane: str | None = None
    n: int | None = None
    error: Problem | None = None
    correlation_id: str | None = None


def exactly(data: bytes | msgspec.Raw, kind: Any) -> None:
    """The data is this struct, whole and nothing else."""
    again = msgspec.json.encode(msgspec.json.decode(data, type=kind))
    assert msgspec.json.decode(again) == msgspec.json.decode(data)


@pytest.mark.parametrize("example", SAID, ids=lambda example: example.text[:50])
def test_an_example_of_what_a_node_says_is_what_a_node_says(example: Example) -> None:
    said = msgspec.json.decode(example.text, type=Said)
    if said.type in PUSHES:
        exactly(said.data, PUSHES[said.type])
        assert (said.lane is not None) == (said.n is not None) == (said.type in NUMBERED.values())
        assert said.lane is None or NUMBERED[said.lane] == said.type
    elif said.type in {"ack", "synced"}:
        assert said.type == ("synced" if example.mark.endswith(" sync") else "ack")
        assert said.id is not None
        assert said.correlation_id
    elif said.type == "error":
        assert said.error is not None
        assert said.error.title == ERRORS[said.error.code].title
        assert said.error.retry == ERRORS[said.error.code].retry
    else:
        assert said.type == "going-away"
        assert msgspec.json.decode(example.text) == msgspec.json.decode(frames.going_away(850))


def test_the_answer_of_every_command_is_shown_as_it_is() -> None:
    shown: dict[str, msgspec.Raw] = {}
    for example in SAID:
        said = msgspec.json.decode(example.text, type=Said)
        if said.type in {"ack", "synced"}:
            name = example.mark.removeprefix("json node").strip()
            shown[name] = said.data
    exactly(shown.pop("auth"), answers.Authenticated)
    assert shown.keys() == COMMANDS.keys()
    for name, data in shown.items():
        exactly(data, ANSWER_OF[COMMANDS[name]])


def test_every_push_is_shown() -> None:
    shown = {msgspec.json.decode(example.text, type=Said).type for example in SAID}
    assert shown >= {*PUSHES, "going-away", "error", "ack", "synced"}


def test_hello_is_shown_with_todays_limits() -> None:
    hello = next(example for example in SAID if '"hello"' in example.text)
    data = msgspec.json.decode(hello.text)["data"]
    assert (data["limits"], data["features"]) == (frames.LIMITS, frames.FEATURES)


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_code_says_what_to_do(code: str) -> None:
    http, retry, what = rows(PAGE)[code]
    assert http == str(ERRORS[code].status)
    assert retry == ("yes" if ERRORS[code].retry else "no")
    assert what


@pytest.mark.parametrize("name", CLOSES)
def test_every_close_code_says_what_to_do(name: str) -> None:
    documented, comes_back, what = rows(PAGE)[str(CLOSES[name].code)]
    assert documented == f"`{name}`"
    assert comes_back == ("yes" if CLOSES[name].reconnect else "no")
    assert what


def test_every_lane_and_every_code_of_a_wrong_field_is_named() -> None:
    assert {lane: rows(PAGE)[lane][0] for lane in NUMBERED} == {lane: f"`{push}`" for lane, push in NUMBERED.items()}
    assert all(f"`{code}`" in page(PAGE) for code in CODES)


def test_the_limits_are_todays() -> None:
    documented = {cells[0].strip("`") for cells in rows(PAGE).values() if len(cells) == 2}
    assert documented >= frames.LIMITS.keys()
    numbers = page(PAGE).replace(",", "")
    assert all(str(limit) in numbers for limit in frames.LIMITS.values())


def test_what_each_command_costs_is_todays() -> None:
    documented = {name: cells for name, cells in rows(PAGE).items() if name in COMMANDS and len(cells) == 1}
    assert documented == {name: [str(command.cost)] for name, command in COMMANDS.items() if command.cost != 1}
    assert rows(PAGE)["every other command, and coming in"] == ["1"]


def test_the_token_route_is_shown_as_it_is() -> None:
    assert f"POST {tokens.TOKEN_PATH}" in page(PAGE)
    assert tokens.APP_KEY in page(PAGE)
    assert tokens.APP_SECRET in page(PAGE)
    (example,) = examples(PAGE, "json token")
    exactly(example.text.encode(), tokens.TokenAnswer)


def test_the_first_frame_of_a_browser_is_shown() -> None:
    (example,) = examples(PAGE, "json auth")
    assert decode_frame(example.text).type == "auth"
    assert frames.SUBPROTOCOL in page(PAGE)
