"""A line is JSON or text, says what it is about, and cannot be forged, obeyed by a terminal, or show a secret."""

import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from edge.auth.tokens import Tokens
from edge.process.log_lines import LineFormat, escaped, formatter, hidden

FORMS: tuple[LineFormat, ...] = ("text", "json")
TOKEN = Tokens("s" * 32, 900).issue("default", "ann")[0]


def record(message: str, *arguments: object, level: int = logging.INFO, **more: Any) -> logging.LogRecord:
    found = logging.LogRecord("caas.test", level, "", 0, message, arguments, None)
    found.created = 1_767_225_599.9996
    found.__dict__.update(more)
    return found


def failing(error: Exception) -> dict[str, Any]:
    """Return what `logger.exception` adds to a record."""
    try:
        raise error
    except Exception:
        return {"exc_info": sys.exc_info()}


def text(found: logging.LogRecord) -> str:
    return formatter("text", lambda: "").format(found)


def fields(found: logging.LogRecord, node: str = "") -> dict[str, Any]:
    line = formatter("json", lambda: node).format(found)
    assert len(line.splitlines()) == 1
    decoded: dict[str, Any] = json.loads(line)
    return decoded


def test_text_has_utc_time_level_logger_and_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    assert text(record("said %d", 7)) == "2025-12-31T23:59:59.999Z INFO caas.test said 7"


def test_json_has_the_same_fields_in_order() -> None:
    found = fields(record("said %d", 7, level=logging.WARNING))
    assert list(found.items()) == [
        ("time", "2025-12-31T23:59:59.999Z"),
        ("level", "warning"),
        ("logger", "caas.test"),
        ("message", "said 7"),
    ]


def test_json_has_what_the_call_knows_and_nothing_else() -> None:
    known = {"correlation_id": "c-1", "tenant": "acme", "session": "s-1", "node": "n-1", "processor": "inbox"}
    found = fields(record("said", **known, outage=object(), repeats=True))
    assert list(found)[4:] == list(known)
    assert {name: found[name] for name in known} == known


def test_node_of_the_process_is_that_of_lines_without_one() -> None:
    assert fields(record("said"), node="n-1")["node"] == "n-1"
    assert fields(record("said", node="n-2"), node="n-1")["node"] == "n-2"


def test_line_names_the_processor_of_its_task() -> None:
    with bound_contextvars(processor="inbox", secret="no field"):
        assert fields(record("said"))["processor"] == "inbox"
        assert "secret" not in fields(record("said"))
    assert "processor" not in fields(record("said"))


def test_correlation_id_is_between_text_and_traceback() -> None:
    lines = text(record("a command failed", correlation_id="c-1", **failing(ValueError("no")))).splitlines()
    assert lines[0].endswith(" a command failed correlation_id=c-1")
    assert (lines[1], lines[-1]) == ("Traceback (most recent call last):", "ValueError: no")


def test_traceback_is_one_field_with_its_causes() -> None:
    first = ValueError("first")
    second = LookupError("second")
    second.__cause__ = first
    found = fields(record("failed", **failing(second)))
    assert found["message"] == "failed"
    assert found["exception"].startswith("ValueError: first\n")
    assert found["exception"].endswith("\nLookupError: second")
    assert "Traceback (most recent call last):\n" in found["exception"]


# Hostile text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("one\n2026-01-31T12:00:00.000Z ERROR caas two", "one\\n2026-01-31T12:00:00.000Z ERROR caas two"),
        ("one\r\ttwo", "one\\r\\ttwo"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31mred\x00\x7f", "\\x9b31mred\\x00\\x7f"),
        ("one\u2028two\x85three", "one\\u2028two\\x85three"),
        ("exe\u202egnp", "exe\\u202egnp"),
        ("né 漢 👩\u200d👩\u200d👧", "né 漢 👩\u200d👩\u200d👧"),
    ],
)
def test_text_form_shows_control_characters_and_obeys_none(hostile: str, shown: str) -> None:
    assert text(record("%s", hostile)).partition(" caas.test ")[2] == shown
    assert fields(record("%s", hostile))["message"] == hostile


def test_correlation_id_cannot_forge_a_line() -> None:
    assert text(record("said", correlation_id="x\n2026 ERROR \x1b")).endswith(
        ' said correlation_id="x\\n2026 ERROR \\u001b"'
    )


def test_exception_cannot_forge_a_line() -> None:
    forged = "no\n2026-01-31T12:00:00.000Z ERROR caas all is lost\n\x1b[31mred"
    lines = text(record("failed", **failing(ValueError(forged)))).splitlines()
    assert lines[-3:] == ["ValueError: no", "  2026-01-31T12:00:00.000Z ERROR caas all is lost", "\\x1b[31mred"]


@given(st.lists(st.integers(0, 0x2FFF).map(chr)).map("".join))
def test_any_text_is_one_printable_line(found: str) -> None:
    assert len(escaped(found).splitlines()) <= 1
    assert "\x1b" not in escaped(found)
    assert fields(record("%s", found))["message"] == hidden(found)


# Secrets


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "said",
    [
        f"GET /socket?token={TOKEN} failed",
        f"192.0.2.7: protocols ['caas', '{TOKEN}']",
        "mongodb://root:hunter2@127.0.0.1:27017/caas: refused",
        "400, Invalid header value char: b'Authorization: Bearer hunter2\\x01'",
        "400, Invalid header token: b'X-App-Secret: hunter2'",
    ],
)
def test_token_password_and_secret_header_are_in_no_line(form: LineFormat, said: str) -> None:
    for found in (record("%s", said), record("failed", **failing(ValueError(said)))):
        line = formatter(form, lambda: "").format(found)
        assert TOKEN not in line and "hunter2" not in line
        assert "[hidden]" in line


def test_addresses_and_words_stay() -> None:
    for said in (
        "MongoDB: mongodb://127.0.0.1:27017/caas is down, ask ann@example.com",
        "the header Authorization has no token",
    ):
        assert hidden(said) == said
