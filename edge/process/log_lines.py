"""Log lines are text for a terminal and JSON for programs; no text in them can forge a line, move a terminal's cursor
or show a token.
"""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.typing import EventDict, WrappedLogger

from core.logfmt import value

LineFormat = Literal["text", "json"]
FIELDS: Final = ("correlation_id", "tenant", "session", "node", "processor")
"""What a line says of its cause, in this order: the `extra` of the call that logs it, or what was bound in its task."""
HIDDEN: Final = "[hidden]"
_SECRETS: Final = (
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),  # a JWT
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{HIDDEN}@"),  # user and password of a URL
    (re.compile(r"(?i)\b(authorization|x-app-secret)\b(['\"]?\s*[:=]).*"), rf"\1\2 {HIDDEN}"),  # a malformed header
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line separators, and what changes the direction of text."""
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LIKE_A_LINE: Final = re.compile(r"\d{4}-\d\d-\d\dT")


def formatter(kind: LineFormat, node: Callable[[], str]) -> logging.Formatter:
    """Return the formatter of records, ours and those of libraries; `node` names the node of this process, if any."""

    def line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return _line(event, node())

    render = JSONRenderer() if kind == "json" else _text
    return ProcessorFormatter(processors=[merge_contextvars, ExtraAdder(FIELDS), format_exc_info, line, render])


def _line(event: EventDict, node: str) -> EventDict:
    """Return the fields of a line."""
    record: logging.LogRecord = event["_record"]
    known = {"node": node, **{name: event[name] for name in FIELDS if name in event}}
    below = "\n".join(str(event[name]) for name in ("exception", "stack_info") if event.get(name))
    return {
        "time": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": hidden(event["event"]),
        **{name: str(known[name]) for name in FIELDS if known.get(name)},
        **({"exception": hidden(below)} if below else {}),
    }


def _text(_: WrappedLogger, __: str, line: EventDict) -> str:
    """Return `2026-01-31T12:00:00.000Z WARNING caas.worker text correlation_id=…`; a traceback follows on lines of its
    own.
    """
    head = escaped(f"{line['time']} {line['level'].upper()} {line['logger']} {line['message']}")
    if "correlation_id" in line:
        head = f"{head} correlation_id={value(line['correlation_id'])}"
    return "\n".join([head, *(_below(one) for one in line.get("exception", "").split("\n") if one)])


def _below(text: str) -> str:
    """Return a line of a traceback; one that looks like the begin of a log line is indented, since its text may come
    from outside.
    """
    return f"  {escaped(text)}" if _LIKE_A_LINE.match(text) else escaped(text)


def escaped(text: str) -> str:
    """Return the text on one line, without characters that a terminal would obey."""
    return _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _ESCAPES.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def hidden(text: str) -> str:
    """Return the text without tokens, passwords in URLs and headers that have secrets, wherever they come from."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text
