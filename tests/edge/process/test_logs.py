"""Log lines have time, level, logger, text and command; an outage is one line; repeated lines are counted."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from core.health import Health
from core.log_levels import LogLevels, parse
from core.outages import REPEATS, Outage
from core.ports.event_log import Unavailable
from core.retry import retry_until_available
from edge.process.logs import (
    REPEAT_INTERVAL_S,
    LogFormat,
    Outages,
    ProcessLog,
    Repeats,
    configure,
    name_node,
    process_log,
    set_up,
)

ours = logging.getLogger("caas.test")
theirs = logging.getLogger("somelib.client")


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Log:
    """A process's log with its own clock, and its lines so far."""

    def __init__(self) -> None:
        self.stream, self.clock = io.StringIO(), Clock()
        self.handler = set_up(self.stream)
        self.handler.set_format("text")
        for old in [one for one in self.handler.filters if isinstance(one, Outages | Repeats)]:
            self.handler.removeFilter(old)
        self.handler.addFilter(Outages(self.clock))
        self.handler.addFilter(Repeats(clock=self.clock))

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def texts(self) -> list[str]:
        """Return the lines without their time."""
        return [line.split(" ", 1)[1] for line in self.lines]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Return the lines of the JSON form without their time."""
        found = [json.loads(line) for line in self.lines]
        assert all(line.pop("time") for line in found)
        return found


@pytest.fixture
def log() -> Iterator[Log]:
    root, caas = logging.getLogger(), logging.getLogger("caas")
    handlers, levels = list(root.handlers), (root.level, caas.level)
    try:
        yield Log()
    finally:
        configure("info", "text")
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        caas.setLevel(levels[1])


# Levels


def test_libraries_log_warnings_and_we_log_from_the_level_on(log: Log) -> None:
    theirs.info("GET /_bulk")
    log.handler.set_levels(LogLevels("error"))
    ours.warning("left out")
    theirs.warning("left out")
    log.handler.set_levels(LogLevels("debug"))
    ours.debug("ours")
    theirs.info("theirs")
    assert log.texts == ["DEBUG caas.test ours", "INFO somelib.client theirs"]


def test_libraries_never_log_debug_lines_because_they_have_content(log: Log) -> None:
    log.handler.set_levels(LogLevels("debug"))
    theirs.setLevel(logging.DEBUG)
    try:
        theirs.debug("Request: b'Noodles at noon?'")
    finally:
        theirs.setLevel(logging.NOTSET)
    assert log.lines == []


def test_single_loggers_have_levels_of_their_own(log: Log) -> None:
    log.handler.set_levels(parse("caas.test=debug,somelib=info,warning"))
    ours.debug("one")
    logging.getLogger("caas.test.deeper").debug("two")
    logging.getLogger("caas.other").info("left out")
    theirs.info("three")
    assert log.texts == ["DEBUG caas.test one", "DEBUG caas.test.deeper two", "INFO somelib.client three"]


def test_changed_levels_replace_those_of_before(log: Log) -> None:
    first = parse("caas.test=debug,somelib=error")
    assert log.handler.set_levels(first) == LogLevels()
    assert log.handler.set_levels(LogLevels("info")) == first
    ours.debug("left out")
    ours.info("one")
    theirs.warning("two")
    assert log.texts == ["INFO caas.test one", "WARNING somelib.client two"]


def test_another_set_up_forgets_the_levels_of_before(log: Log) -> None:
    log.handler.set_levels(parse("caas.test=error"))
    again = set_up(log.stream)
    ours.info("one")
    assert (again.levels, len(log.lines)) == (LogLevels(), 1)


def test_line_that_is_not_logged_is_not_formatted(log: Log) -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError

    ours.debug("%s", Costly())
    assert not ours.isEnabledFor(logging.DEBUG)


# The form


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "line_format", "is_json"),
    [
        (Terminal, "auto", False),
        (io.StringIO, "auto", True),
        (Terminal, "json", True),
        (io.StringIO, "text", False),
    ],
)
def test_form_follows_the_setting_and_the_terminal(
    log: Log, stream: type[io.StringIO], line_format: LogFormat, is_json: bool
) -> None:
    found = stream()
    set_up(found)
    configure("warning", line_format)
    ours.warning("said")
    ours.info("left out")
    assert found.getvalue().startswith("{") is is_json
    assert len(found.getvalue().splitlines()) == 1


def test_every_line_of_a_node_names_it(log: Log) -> None:
    log.handler.set_format("json")
    ours.info("before it has a name")
    name_node("node-1")
    theirs.warning("after")
    assert [line.get("node") for line in log.objects] == [None, "node-1"]


def test_program_without_our_log_is_left_alone() -> None:
    logging.getLogger().handlers[:] = [one for one in logging.getLogger().handlers if not isinstance(one, ProcessLog)]
    level = logging.getLogger().level
    configure("debug", "json")
    name_node("node-1")
    assert (process_log(), logging.getLogger().level) == (None, level)


def test_outages_and_repeats_are_one_line_in_json_too(log: Log) -> None:
    log.handler.set_format("json")
    waiters = [Outage(f"reader {n}") for n in range(3)]
    for waiter in waiters:
        waiter.begins(Unavailable("MongoDB: connection refused"))
    log.clock.now += 3.21
    for waiter in waiters:
        waiter.ends()
    for _ in range(3):
        theirs.error("Unable connect")
    log.clock.now += REPEAT_INTERVAL_S
    theirs.error("Unable connect")
    assert [(line["level"], line["logger"], line["message"]) for line in log.objects] == [
        ("warning", "caas.outage", "MongoDB is down: connection refused"),
        ("warning", "caas.outage", "MongoDB is back after 3.2 s"),
        ("error", "somelib.client", "Unable connect"),
        ("error", "somelib.client", "Unable connect (and 2 more like it before)"),
    ]


# Outages


def test_outage_of_many_waiters_is_one_line_and_its_end_another(log: Log) -> None:
    waiters = [Outage(f"reader {n}") for n in range(50)]
    for waiter in waiters:
        waiter.begins(Unavailable("MongoDB: connection refused"))
        waiter.begins(Unavailable("MongoDB: still"))
    log.clock.now += 3.21
    for waiter in waiters:
        waiter.ends()
        waiter.ends()
    assert log.texts == [
        "WARNING caas.outage MongoDB is down: connection refused",
        "WARNING caas.outage MongoDB is back after 3.2 s",
    ]


def test_outage_ends_with_its_last_waiter(log: Log) -> None:
    one, two = Outage("one"), Outage("two")
    one.begins("Kafka: gone")
    two.begins("Kafka: gone")
    one.ends()
    assert len(log.lines) == 1
    two.ends()
    assert len(log.lines) == 2


def test_abandoned_waiter_does_not_prolong_the_outage(log: Log) -> None:
    logging.getLogger().handlers[:] = [log.handler]  # pytest's own keep all records
    gone, stays = Outage("gone"), Outage("stays")
    gone.begins("Redis: gone")
    stays.begins("Redis: gone")
    del gone
    stays.ends()
    assert log.texts[-1] == "WARNING caas.outage Redis is back after 0.0 s"


def test_each_server_has_its_own_outages_and_the_next_is_logged(log: Log) -> None:
    mongo, redis = Outage("rows"), Outage("limits", "Redis of the limits")
    mongo.begins("MongoDB: a")
    redis.begins("Redis: b")
    mongo.ends()
    mongo.begins("MongoDB: c")
    assert [text.split("caas.outage ")[1] for text in log.texts] == [
        "MongoDB is down: a",
        "Redis of the limits is down: Redis: b",
        "MongoDB is back after 0.0 s",
        "MongoDB is down: c",
    ]


def test_outage_without_server_is_named_by_its_waiter(log: Log) -> None:
    outage = Outage("documents")
    outage.begins("database is locked")
    log.clock.now += 1
    outage.ends()
    assert log.texts == [
        "WARNING caas.outage documents waits: database is locked",
        "WARNING caas.outage documents goes on after 1.0 s",
    ]


async def test_retrying_waiter_logs_once(log: Log) -> None:
    failures = [Unavailable("MongoDB: down")] * 3

    async def call() -> str:
        if failures:
            raise failures.pop()
        return "answer"

    assert await retry_until_available("messages", call, Health()) == "answer"
    assert [text.split(" ")[2:5] for text in log.texts] == [["MongoDB", "is", "down:"], ["MongoDB", "is", "back"]]


# Floods


def test_repeated_library_line_is_logged_once_a_minute_with_its_number(log: Log) -> None:
    for node in range(5742):
        theirs.error("Unable connect to node with id %s: refused", node)
    log.clock.now += REPEAT_INTERVAL_S
    theirs.error("Unable connect to node with id %s: refused", 7)
    assert log.texts == [
        "ERROR somelib.client Unable connect to node with id 0: refused",
        "ERROR somelib.client Unable connect to node with id 7: refused (and 5741 more like it before)",
    ]


def test_malformed_handshake_is_one_short_line_a_minute(log: Log) -> None:
    for n in range(50):
        logging.getLogger("aiohttp.websocket").warning("%s: protocols %r", "192.0.2.7", [f"{n}" * 6_000])
    assert len(log.lines) == 1
    assert len(log.lines[0]) < 300


def test_failure_of_ours_keeps_its_traceback(log: Log) -> None:
    try:
        raise LookupError("ours")
    except LookupError:
        logging.getLogger("aiohttp.server").exception("Unhandled exception")
    assert "Traceback" in log.stream.getvalue()


def test_different_library_lines_are_all_logged(log: Log) -> None:
    for text in ("one", "two", "three"):
        theirs.error(text)
    assert len(log.lines) == 3


def test_our_errors_and_warnings_are_logged_unless_marked_repeating(log: Log) -> None:
    for _ in range(3):
        ours.error("ours", extra=REPEATS)
        ours.warning("ours too")
        ours.warning("often", extra=REPEATS)
    assert [text.split(" ", 2)[2] for text in log.texts].count("ours") == 3
    assert [text.split(" ", 2)[2] for text in log.texts].count("ours too") == 3
    assert [text.split(" ", 2)[2] for text in log.texts].count("often") == 1


def test_unawaited_task_of_ours_is_always_logged_unlike_a_librarys(log: Log) -> None:
    asyncios = logging.getLogger("asyncio")
    never = "Task exception never retrieved\nfuture: <Task finished name='Task-{}' coro=<f() done, defined at {}>>"
    for n in range(3):
        asyncios.error(never.format(n, "/app/streams/plain.py:7"))
        asyncios.error(never.format(n, "/venv/lib/site-packages/aiokafka/conn.py:9"))
    assert sum("plain.py" in line for line in log.lines) == 3
    assert sum("conn.py" in line for line in log.lines) == 1
