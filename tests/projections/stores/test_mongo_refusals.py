"""Tests how errors of a server are classified, and how a restarted server is detected."""

import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure, PyMongoError

from core.ports.documents import RowTooLarge, StoreBroken
from core.ports.event_log import Unavailable
from projections.stores.mongo_lives import Connections, Lives
from projections.stores.mongo_writes import bounded


def bulk(*codes: int) -> BulkWriteError:
    return BulkWriteError({"writeErrors": [{"index": n, "code": code} for n, code in enumerate(codes)]})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationFailure("cursor not found", 43), Unavailable),
        (OperationFailure("not primary", 10107), Unavailable),
        (bulk(11000, 91), Unavailable),
        (bulk(11000), StoreBroken),
        (bulk(91, 8000), StoreBroken),
        (OperationFailure("no such command", 59), StoreBroken),
        (OperationFailure("resulting document is larger than 16777216", 17419), RowTooLarge),
        (bulk(11000, 17420), RowTooLarge),
        (DocumentTooLarge("BSON document too large"), RowTooLarge),
    ],
)
def test_server_error_is_an_outage_a_large_row_or_a_broken_store(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected), bounded(1.0):
        raise error


class Server:
    """Answers `hello` and `serverStatus` like a server process."""

    def __init__(self, **status: Any) -> None:
        self.hello: dict[str, Any] = {}
        self.status = status
        self.asked: list[str] = []

    async def command(self, name: str) -> dict[str, Any]:
        self.asked.append(name)
        if name == "hello" and self.hello:
            return self.hello
        if name == "hello":
            raise OperationFailure("no such command: 'hello'", 59)
        if not self.status:
            raise OperationFailure("not supported", 115)
        return self.status


BEGAN = datetime(2026, 1, 1)


def started(pid: int, began: datetime = BEGAN, after_ms: int = 5000) -> dict[str, Any]:
    return {"host": "h", "pid": pid, "uptimeMillis": after_ms, "localTime": began + timedelta(milliseconds=after_ms)}


class Checking:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.connections = Connections()
        self.lives = Lives(self.connections)

    async def after(self, event: Callable[[Any], None]) -> int:
        event(None)
        await self.lives.check(self.server)
        return self.lives.life


async def test_changed_connections_keep_the_life() -> None:
    for server in (Server(**started(7)), Server()):
        if not server.status:
            server.hello = {"topologyVersion": {"processId": "p1"}}
        checking = Checking(server)
        for event in (checking.connections.connection_ready, checking.connections.connection_closed):
            assert await checking.after(event) == 0
        assert await checking.after(checking.connections.pool_cleared) == 0


async def test_another_process_is_another_life() -> None:
    checking = Checking(Server(**started(7)))
    closed = checking.connections.connection_closed
    assert await checking.after(checking.connections.connection_ready) == 0
    for life, status in enumerate((started(8), started(8, BEGAN + timedelta(seconds=3)), started(8)), start=1):
        checking.server.status = status
        assert await checking.after(closed) == life
    checking.server.status = started(8, BEGAN, 900_000)
    assert await checking.after(closed) == 3
    checking.server.hello = {"topologyVersion": {"processId": "p1"}}
    assert await checking.after(closed) == 4


async def test_unidentified_server_has_another_life_at_every_change_of_a_connection() -> None:
    for status in ({}, {"host": "h"}, started(7) | {"uptimeMillis": "long"}):
        checking = Checking(Server(**status))
        assert await checking.after(checking.connections.connection_ready) == 0
        assert await checking.after(checking.connections.connection_ready) == 1
        assert await checking.after(checking.connections.connection_closed) == 2


async def test_server_is_not_asked_while_no_connection_changes() -> None:
    checking = Checking(Server(**started(7)))
    await checking.after(checking.connections.connection_ready)
    checking.server.asked.clear()
    for _ in range(9):
        await checking.lives.check(checking.server)
    assert checking.server.asked == []


async def test_failed_check_is_repeated() -> None:
    checking = Checking(Server(**started(7)))
    await checking.after(checking.connections.connection_ready)
    checking.server.command = _refused  # type: ignore[method-assign]
    with pytest.raises(PyMongoError):
        await checking.after(checking.connections.connection_closed)
    with pytest.raises(PyMongoError):
        await checking.lives.check(checking.server)
    assert checking.lives.life == 0


async def _refused(_name: str) -> dict[str, Any]:
    raise PyMongoError("down")


def test_refused_rows_are_in_no_text_and_no_traceback() -> None:
    row = {"_id": "m1", "text": "Noodles at noon?"}
    refused = BulkWriteError({"writeErrors": [{"index": 0, "code": 8000, "errmsg": "no", "op": row}]})
    with pytest.raises(StoreBroken, match="1 writes were refused with 8000") as found, bounded(1.0):
        raise refused
    assert "Noodles" in str(refused)
    assert "Noodles" not in "".join(traceback.format_exception(found.value))
