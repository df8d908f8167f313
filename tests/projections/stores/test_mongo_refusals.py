"""What a server's refusal is taken for, and which process of a server answered."""

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
    ("refusal", "taken_for"),
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
def test_a_refusal_is_an_outage_a_row_s_fault_or_the_store_s(refusal: Exception, taken_for: type[Exception]) -> None:
    with pytest.raises(taken_for), bounded(1.0):
        raise refusal


class Server:
    """Answers `hello` and `serverStatus` as some process does."""

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


class Looking:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.connections = Connections()
        self.lives = Lives(self.connections)

    async def after(self, event: Callable[[Any], None]) -> int:
        event(None)
        await self.lives.look(self.server)
        return self.lives.life


async def test_connections_that_come_and_go_are_no_other_life() -> None:
    for server in (Server(**started(7)), Server()):
        if not server.status:
            server.hello = {"topologyVersion": {"processId": "p1"}}
        looking = Looking(server)
        for event in (looking.connections.connection_ready, looking.connections.connection_closed):
            assert await looking.after(event) == 0
        assert await looking.after(looking.connections.pool_cleared) == 0


async def test_another_process_is_another_life() -> None:
    looking = Looking(Server(**started(7)))
    closed = looking.connections.connection_closed
    assert await looking.after(looking.connections.connection_ready) == 0
    for life, status in enumerate((started(8), started(8, BEGAN + timedelta(seconds=3)), started(8)), start=1):
        looking.server.status = status
        assert await looking.after(closed) == life
    looking.server.status = started(8, BEGAN, 900_000)
    assert await looking.after(closed) == 3
    looking.server.hello = {"topologyVersion": {"processId": "p1"}}
    assert await looking.after(closed) == 4


async def test_a_server_that_does_not_say_has_another_life_whenever_a_connection_changes() -> None:
    for status in ({}, {"host": "h"}, started(7) | {"uptimeMillis": "long"}):
        looking = Looking(Server(**status))
        assert await looking.after(looking.connections.connection_ready) == 0
        assert await looking.after(looking.connections.connection_ready) == 1
        assert await looking.after(looking.connections.connection_closed) == 2


async def test_nobody_is_asked_while_no_connection_changes() -> None:
    looking = Looking(Server(**started(7)))
    await looking.after(looking.connections.connection_ready)
    looking.server.asked.clear()
    for _ in range(9):
        await looking.lives.look(looking.server)
    assert looking.server.asked == []


async def test_a_look_that_fails_is_made_again() -> None:
    looking = Looking(Server(**started(7)))
    await looking.after(looking.connections.connection_ready)
    looking.server.command = _refused  # type: ignore[method-assign]
    with pytest.raises(PyMongoError):
        await looking.after(looking.connections.connection_closed)
    with pytest.raises(PyMongoError):
        await looking.lives.look(looking.server)
    assert looking.lives.life == 0


async def _refused(_name: str) -> dict[str, Any]:
    raise PyMongoError("down")
