"""The log of a process on stderr: a line says when, in UTC, how grave, who, what, and which command it belongs to.

One outage of a server is one line and its end another, however many wait for it. What a library repeats is let through
once a minute with how often it came; an ERROR of ours always comes through.
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
EVERY_S: Final = 60.0
"""What repeats itself is let through once in this time."""
KEPT: Final = 1_000
"""Maximum number of different repeating lines that are remembered."""
STRANGE_CHARACTERS: Final = 200
"""So much of what a stranger sent is logged."""
_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|\d+")


def set_up(stream: TextIO | None = None) -> logging.Handler:
    """Log to this stream, or to stderr, from now on, at `info`; the handler."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    handler.addFilter(Strangers())
    handler.addFilter(Outages())
    handler.addFilter(Repeats())
    logging.basicConfig(handlers=[handler], force=True)
    set_level("info")
    return handler


def set_level(name: str) -> None:
    """What is ours is logged from this level on; what libraries say from `warning` on, unless it is `debug`."""
    level = LEVELS[name]
    logging.getLogger(OURS).setLevel(level)
    logging.getLogger().setLevel(level if level == logging.DEBUG else max(level, logging.WARNING))


class Lines(logging.Formatter):
    """`2026-01-31T12:00:00.000Z WARNING caas.worker text correlation_id=…`; tracebacks follow on lines of their own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002 - logging's name
        """RFC 3339, in UTC with milliseconds."""
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """One line, and behind it the correlation id, where the record has one."""
        line = super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")
        correlation_id = getattr(record, "correlation_id", "")
        return f"{line} correlation_id={value(correlation_id)}" if correlation_id else line


@dataclass(slots=True)
class _Down:
    since: float
    waiting: WeakSet[Outage] = field(default_factory=WeakSet)


class Outages(logging.Filter):
    """Lets the first line about an outage of a server through, and the last: who waits in between is left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._down: dict[str, _Down] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is logged; it is given its words."""
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
    """What the library says of a handshake is one short line, however much a stranger sent in it: it may come often."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; the record is given its words."""
        if record.name == "aiohttp.websocket":
            words = " ".join(record.getMessage().split())
            record.msg, record.args = "a handshake was strange: %s", (words[:STRANGE_CHARACTERS],)
        return True


@dataclass(slots=True)
class _Seen:
    at: float
    left_out: int = 0


class Repeats(logging.Filter):
    """Of lines that say the same, lets one through every `every_s` seconds, with how many were left out before it.

    That is for libraries, and for what is ours and below ERROR where it says `extra=REPEATS` of itself.
    """

    def __init__(self, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._seen: OrderedDict[tuple[str, int, str], _Seen] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is logged."""
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
        if len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        return True


def _always(record: logging.LogRecord) -> bool:
    """Whether a record is never left out: asyncio speaks of our tasks too, and who wants to debug wants it all."""
    if record.levelno < logging.WARNING:
        return True
    if record.name == OURS or record.name.startswith(f"{OURS}."):
        return record.levelno >= logging.ERROR or not getattr(record, "repeats", False)
    return record.name == "asyncio" and "site-packages" not in record.getMessage()


def _key(record: logging.LogRecord) -> tuple[str, int, str]:
    """Lines that differ in numbers and arguments alone say the same."""
    return record.name, record.levelno, _NUMBERS.sub("#", str(record.msg))[:500]
