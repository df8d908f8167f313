"""Log on stderr: each line has the time in UTC, level, logger, text and the correlation id of its command.

An outage of a server is one line and its end another, however many callers wait. Repeated lines of libraries are logged
once a minute with their number; an ERROR of ours is always logged.
"""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TextIO
from weakref import WeakSet

from core.logfmt import value
from core.outages import Outage

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
OURS: Final = "caas"
REPEAT_INTERVAL_S: Final = 60.0
"""Minimum interval between two equal lines."""
MAX_REMEMBERED: Final = 1_000
"""Maximum number of different repeating lines that are remembered."""
MAX_HANDSHAKE_CHARACTERS: Final = 200
"""Maximum number of characters that are logged of a malformed handshake."""
_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|\d+")


def set_up(stream: TextIO | None = None) -> logging.Handler:
    """Log to this stream, or to stderr, at `info`. Return the handler."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    handler.addFilter(Strangers())
    handler.addFilter(Outages())
    handler.addFilter(Repeats())
    logging.basicConfig(handlers=[handler], force=True)
    set_level("info")
    return handler


def set_level(name: str) -> None:
    """Log our lines from this level on; those of libraries from `warning` on, unless the level is `debug`."""
    level = LEVELS[name]
    logging.getLogger(OURS).setLevel(level)
    logging.getLogger().setLevel(level if level == logging.DEBUG else max(level, logging.WARNING))


class Lines(logging.Formatter):
    """`2026-01-31T12:00:00.000Z WARNING caas.worker text correlation_id=…`; tracebacks follow on lines of their own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002 - logging's name
        """Return the time as RFC 3339, in UTC with milliseconds."""
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return one line, with the correlation id at its end if the record has one."""
        line = super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")
        correlation_id = getattr(record, "correlation_id", "")
        return f"{line} correlation_id={value(correlation_id)}" if correlation_id else line


@dataclass(slots=True)
class _Down:
    since: float
    waiting: WeakSet[Outage] = field(default_factory=WeakSet)


class Outages(logging.Filter):
    """Passes the first and the last line about an outage of a server, and leaves out those in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._down: dict[str, _Down] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this record is logged; its text is set here."""
        outage: Outage | None = getattr(record, "outage", None)
        if outage is None:
            return True
        server = outage.server or outage.what
        return self._begins(record, outage, server) if outage.begun else self._ends(record, outage, server)

    def _begins(self, record: logging.LogRecord, outage: Outage, server: str) -> bool:
        down = self._down.get(server)
        first = down is None or not down.waiting
        if down is None or first:
            down = self._down[server] = _Down(self._clock())
        down.waiting.add(outage)
        if first and outage.server:
            record.msg, record.args = "%s is down: %s", (server, outage.cause.removeprefix(f"{server}: "))
        return first

    def _ends(self, record: logging.LogRecord, outage: Outage, server: str) -> bool:
        down = self._down.get(server)
        if down is None:
            return False
        down.waiting.discard(outage)
        if down.waiting:
            return False
        del self._down[server]
        words = "%s is back after %.1f s" if outage.server else "%s goes on after %.1f s"
        record.msg, record.args = words, (server, self._clock() - down.since)
        return True


class Strangers(logging.Filter):
    """Shortens the library's lines about malformed handshakes, whatever the client sent: they may come often."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the text if need be. Return True."""
        if record.name == "aiohttp.websocket":
            words = " ".join(record.getMessage().split())
            record.msg, record.args = "a handshake was strange: %s", (words[:MAX_HANDSHAKE_CHARACTERS],)
        return True


@dataclass(slots=True)
class _Seen:
    at: float
    left_out: int = 0


class Repeats(logging.Filter):
    """Passes one of equal lines every `every_s` seconds, with the number of those left out before it.

    It filters lines of libraries, and lines of ours below ERROR that have `extra=REPEATS`.
    """

    def __init__(self, every_s: float = REPEAT_INTERVAL_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._seen: OrderedDict[tuple[str, int, str], _Seen] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this record is logged."""
        if _always(record):
            return True
        key, now = _key(record), self._clock()
        seen = self._seen.get(key)
        if seen is not None and now - seen.at < self._every_s:
            seen.left_out += 1
            return False
        if seen is not None and seen.left_out:
            record.msg, record.args = "%s (and %d more like it before)", (record.getMessage(), seen.left_out)
        self._seen[key] = _Seen(now)
        self._seen.move_to_end(key)
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return True


def _always(record: logging.LogRecord) -> bool:
    """Return whether a record is never left out: asyncio reports on our tasks too, and debugging needs all lines."""
    if record.levelno < logging.WARNING:
        return True
    if record.name == OURS or record.name.startswith(f"{OURS}."):
        return record.levelno >= logging.ERROR or not getattr(record, "repeats", False)
    return record.name == "asyncio" and "site-packages" not in record.getMessage()


def _key(record: logging.LogRecord) -> tuple[str, int, str]:
    """Return the key of a record: lines that differ only in numbers and arguments are equal."""
    return record.name, record.levelno, _NUMBERS.sub("#", str(record.msg))[:500]
