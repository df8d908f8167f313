"""ProcessLog writes the log on stderr: each line has the time in UTC, level, logger, text and the correlation id of its
command.

An outage of a server is one line and its end another, however many callers wait. Repeated lines of libraries are logged
once a minute with their number; an ERROR of ours is always logged.
"""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TextIO
from weakref import WeakSet

from core.log_levels import OURS, Level, LogLevels, is_ours, parse
from core.outages import Outage
from edge.process.log_lines import formatter

NUMBERS: Final[dict[Level, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
LogFormat = Literal["auto", "text", "json"]
REPEAT_INTERVAL_S: Final = 60.0
"""Minimum interval between two equal lines."""
MAX_REMEMBERED: Final = 1_000
"""Maximum number of different repeating lines that are remembered."""
MAX_HANDSHAKE_CHARACTERS: Final = 200
"""Maximum number of characters that are logged of a malformed handshake."""
_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|\d+")


class ProcessLog(logging.StreamHandler[TextIO]):
    """The one log of a process: its format, its levels, and the name of its node."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.levels = LogLevels()
        self.node = ""
        self.set_format("auto")
        for one in (Libraries(), Strangers(), Outages(), Repeats()):
            self.addFilter(one)

    def set_format(self, name: LogFormat) -> None:
        """Write lines in this format from now on; `auto` is text where the stream is a terminal, else JSON."""
        kind = name if name != "auto" else "text" if self.stream.isatty() else "json"
        self.setFormatter(formatter(kind, lambda: self.node))

    def set_levels(self, levels: LogLevels) -> LogLevels:
        """Write lines from these levels on; return the levels of before. Libraries are heard from `warning` on, if
        `base` is `debug` from `info` on, and never at `debug`: they write content there.
        """
        before, self.levels = self.levels, levels
        for logger, _ in before.by_logger:
            logging.getLogger(logger).setLevel(logging.NOTSET)
        base = NUMBERS[levels.base]
        logging.getLogger(OURS).setLevel(base)
        logging.getLogger().setLevel(logging.INFO if levels.base == "debug" else max(base, logging.WARNING))
        for logger, level in levels.by_logger:
            logging.getLogger(logger).setLevel(NUMBERS[level])
        return before


def set_up(stream: TextIO | None = None) -> ProcessLog:
    """Log to this stream, or to stderr, at `info`. Return the log of this process."""
    if (old := process_log()) is not None:
        old.set_levels(LogLevels())
    log = ProcessLog(stream)
    logging.basicConfig(handlers=[log], force=True)
    log.set_levels(log.levels)
    return log


def process_log() -> ProcessLog | None:
    """Return the log of this process; None where `set_up` was not called, as in a program that only uses the code."""
    return next((one for one in logging.getLogger().handlers if isinstance(one, ProcessLog)), None)


def configure(levels: str, line_format: LogFormat) -> None:
    """Set the levels, as `core.log_levels` parses them, and the format of this process's log, if it has one."""
    if (log := process_log()) is not None:
        log.set_levels(parse(levels))
        log.set_format(line_format)


def name_node(name: str) -> None:
    """Let the lines of this process's log name its node."""
    if (log := process_log()) is not None:
        log.node = name


class Libraries(logging.Filter):
    """Leaves out the debug lines of libraries, whatever level they give their loggers: they have content."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this record may be logged."""
        return record.levelno > logging.DEBUG or is_ours(record.name)


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
    if is_ours(record.name):
        return record.levelno >= logging.ERROR or not getattr(record, "repeats", False)
    return record.name == "asyncio" and "site-packages" not in record.getMessage()


def _key(record: logging.LogRecord) -> tuple[str, int, str]:
    """Return the key of a record: lines that differ only in numbers and arguments are equal."""
    return record.name, record.levelno, _NUMBERS.sub("#", str(record.msg))[:500]
