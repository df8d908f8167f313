"""A search index that is lost in any way is rebuilt by the system itself: every message can be found again."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.e2e.line import Line, opened
from tests.e2e.processes import run
from tests.e2e.up import Up, running

pytestmark = pytest.mark.slow

FILES = ("search.sqlite", "search.sqlite-wal", "search.sqlite-shm")
TIMEOUT_S = 20


async def said(up: Up, room: str | None, texts: Iterable[str]) -> str:
    """Send these texts as ann, in a new conversation if none is given; return the conversation."""
    async with opened(up.socket_url, up.token("ann")) as ann:
        if room is None:
            room = str((await ann.done("conversation:create", {"participants": ["bob"]}))["conversation_id"])
        for text in texts:
            await ann.done("message:send", {"conversation_id": room, "client_msg_id": text, "text": text})
        await finds(ann, text)
    return room


async def finds(line: Line, text: str) -> None:
    """Search until the text is found; every error before must allow a retry."""

    async def found() -> bool:
        answer = await line.ask("search:messages", {"text": text})
        if answer["type"] == "error":
            assert answer["error"]["retry"], answer
            return False
        return [one["text"] for one in answer["data"]["messages"]] == [text]

    await soon(found)


async def soon(so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not await so():
            await asyncio.sleep(0.1)


async def both_are_found(up: Up) -> None:
    async with opened(up.socket_url, up.token("bob")) as bob:
        await finds(bob, "early 9")
        await finds(bob, "late 9")


def texts(name: str) -> list[str]:
    return [f"{name} {n}" for n in range(10)]


def deleted(data: Path) -> None:
    for name in FILES:
        (data / name).unlink(missing_ok=True)


def put_back(data: Path) -> None:
    deleted(data)
    shutil.copy(data.with_name("older"), data / FILES[0])


@pytest.mark.parametrize("lose", [deleted, put_back])
async def test_index_lost_while_the_system_was_stopped_is_filled_at_start(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    with running(tmp_path) as up:
        room = await said(up, None, texts("early"))
    shutil.copy(up.data / FILES[0], tmp_path / "older")
    with running(tmp_path, name="again") as up:
        await said(up, room, texts("late"))
    lose(up.data)
    with running(tmp_path, name="lost") as up:
        await both_are_found(up)
        assert up.counted()["search_index_fills"] == 1
        assert "search: equal" in await asyncio.to_thread(run, "verify", "search", "--data", str(up.data))


async def test_index_lost_while_the_system_was_stopped_is_filled_by_verify(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        room = await said(up, None, texts("early"))
        await said(up, room, texts("late"))
    deleted(up.data)
    assert "search: equal" in await asyncio.to_thread(run, "verify", "search", "--data", str(up.data))
    with running(tmp_path, name="again") as up:
        await both_are_found(up)
        assert "search_index_fills" not in up.counted()


async def test_index_deleted_under_the_running_system_is_filled(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        room = await said(up, None, texts("early"))
        await said(up, room, texts("late"))
        deleted(up.data)

        async def filled() -> bool:
            try:
                return up.counted().get("search_index_fills") == 1
            except HTTPError:  # not ready: it is being filled
                return False

        await soon(filled)
        await both_are_found(up)
        assert "search: equal" in await asyncio.to_thread(run, "verify", "search", "--data", str(up.data))
    assert (up.data / FILES[0]).exists()
