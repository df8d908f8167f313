"""The log of a process: when, how grave, who, what, for which command; one line per outage; floods are counted."""

import io
import logging
import re
from collections.abc import Iterator

import pytest

from core.health import Health
from core.outages import REPEATS, Outage
from core.ports.event_log import Unavailable
from core.retry import retry_until_available
from edge.process.logs import EVERY_S, Lines, Outages, Repeats, Strangers, set_level, set_up

ours = logging.getLogger("caas.test")
theirs = logging.getLogger("somelib.client")


class Clock:
    """Seconds that pass as a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Log:
    """A process's log with a clock of its own, and the lines that it has so far."""

    def __init__(self) -> None:
        self.stream, self.clock = io.StringIO(), Clock()
        self.handler = set_up(self.stream)
        for old in list(self.handler.filters):
            self.handler.removeFilter(old)
        self.handler.addFilter(Strangers())
        self.handler.addFilter(Outages(self.clock))
        self.handler.addFilter(Repeats(clock=self.clock))

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def texts(self) -> list[str]:
        """The lines without their time."""
        return [line.split(" ", 1)[1] for line in self.lines]


@pytest.fixture
def log() -> Iterator[Log]:
    root, caas = logging.getLogger(), logging.getLogger("caas")
    handlers, levels = list(root.handlers), (root.level, caas.level)
    try:
        yield Log()
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        caas.setLevel(levels[1])


def test_a_line_has_its_time_in_utc_its_level_and_who_says_it(log: Log) -> None:
    ours.info("said")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO caas\.test said", log.lines[0])


def test_the_time_is_of_the_record_whatever_the_time_zone_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    record = logging.LogRecord("caas", logging.INFO, "", 0, "said", (), None)
    record.created = 1_767_225_599.9996
    assert Lines().format(record) == "2025-12-31T23:59:59.999Z INFO caas said"


def test_the_correlation_id_stands_behind_the_line_and_before_the_traceback(log: Log) -> None:
    try:
        raise ValueError("no")
    except ValueError:
        ours.exception("a command failed", extra={"correlation_id": "c-1"})
    assert log.texts[0] == "ERROR caas.test a command failed correlation_id=c-1"
    assert log.lines[-1] == "ValueError: no"


def test_a_correlation_id_of_a_strangers_record_cannot_forge_a_line(log: Log) -> None:
    ours.warning("one\ntwo", extra={"correlation_id": "x\n2026 ERROR caas"})
    assert log.texts == ['WARNING caas.test one\\ntwo correlation_id="x\\n2026 ERROR caas"']


def test_libraries_say_warnings_and_we_say_what_the_level_says(log: Log) -> None:
    theirs.info("GET /_bulk")
    set_level("error")
    ours.warning("left out")
    theirs.warning("left out")
    set_level("debug")
    theirs.debug("all")
    theirs.debug("all")
    assert log.texts == ["DEBUG somelib.client all"] * 2


# Outages


def test_an_outage_is_one_line_however_many_wait_and_its_end_another(log: Log) -> None:
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


def test_it_is_over_when_the_last_who_waits_goes_on(log: Log) -> None:
    one, two = Outage("one"), Outage("two")
    one.begins("Kafka: gone")
    two.begins("Kafka: gone")
    one.ends()
    assert len(log.lines) == 1
    two.ends()
    assert len(log.lines) == 2


def test_who_gave_up_is_not_waited_for(log: Log) -> None:
    logging.getLogger().handlers[:] = [log.handler]  # pytest's own keep all records
    gone, stays = Outage("gone"), Outage("stays")
    gone.begins("Redis: gone")
    stays.begins("Redis: gone")
    del gone
    stays.ends()
    assert log.texts[-1] == "WARNING caas.outage Redis is back after 0.0 s"


def test_each_server_has_outages_of_its_own_and_the_next_one_is_logged_again(log: Log) -> None:
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


def test_what_names_no_server_is_named_by_who_waits(log: Log) -> None:
    outage = Outage("documents")
    outage.begins("database is locked")
    log.clock.now += 1
    outage.ends()
    assert log.texts == [
        "WARNING caas.outage documents waits: database is locked",
        "WARNING caas.outage documents goes on after 1.0 s",
    ]


async def test_who_waits_patiently_logs_it_once(log: Log) -> None:
    failures = [Unavailable("MongoDB: down")] * 3

    async def call() -> str:
        if failures:
            raise failures.pop()
        return "answer"

    assert await retry_until_available("messages", call, Health()) == "answer"
    assert [text.split(" ")[2:5] for text in log.texts] == [["MongoDB", "is", "down:"], ["MongoDB", "is", "back"]]


# Floods


def test_what_a_library_repeats_is_let_through_once_a_minute_with_its_number(log: Log) -> None:
    for node in range(5742):
        theirs.error("Unable connect to node with id %s: refused", node)
    log.clock.now += EVERY_S
    theirs.error("Unable connect to node with id %s: refused", 7)
    assert log.texts == [
        "ERROR somelib.client Unable connect to node with id 0: refused",
        "ERROR somelib.client Unable connect to node with id 7: refused (and 5741 more like it before)",
    ]


def test_a_strange_handshake_is_one_short_line_a_minute(log: Log) -> None:
    for n in range(50):
        logging.getLogger("aiohttp.websocket").warning("%s: protocols %r", "192.0.2.7", [f"{n}" * 6_000])
    assert len(log.lines) == 1
    assert len(log.lines[0]) < 300


def test_a_failure_of_our_own_keeps_its_traceback(log: Log) -> None:
    try:
        raise LookupError("ours")
    except LookupError:
        logging.getLogger("aiohttp.server").exception("Unhandled exception")
    assert "Traceback" in log.stream.getvalue()


def test_lines_of_a_library_that_say_different_things_all_come(log: Log) -> None:
    for text in ("one", "two", "three"):
        theirs.error(text)
    assert len(log.lines) == 3


def test_our_errors_always_come_and_our_warnings_unless_they_say_otherwise(log: Log) -> None:
    for _ in range(3):
        ours.error("ours", extra=REPEATS)
        ours.warning("ours too")
        ours.warning("often", extra=REPEATS)
    assert [text.split(" ", 2)[2] for text in log.texts].count("ours") == 3
    assert [text.split(" ", 2)[2] for text in log.texts].count("ours too") == 3
    assert [text.split(" ", 2)[2] for text in log.texts].count("often") == 1


def test_a_task_of_ours_that_nobody_awaits_is_never_left_out_and_one_of_a_library_is(log: Log) -> None:
    asyncios = logging.getLogger("asyncio")
    never = "Task exception never retrieved\nfuture: <Task finished name='Task-{}' coro=<f() done, defined at {}>>"
    for n in range(3):
        asyncios.error(never.format(n, "/app/streams/plain.py:7"))
        asyncios.error(never.format(n, "/venv/lib/site-packages/aiokafka/conn.py:9"))
    assert sum("plain.py" in line for line in log.lines) == 3
    assert sum("conn.py" in line for line in log.lines) == 1
