"""Unread reports exactly the counts that differ from what a user received and read."""

from typing import Any

import pytest

from edge.sdk.python.caas_client.wire import CommandError, Event
from edge.tools.playback.unread import READ_INTERVAL, Unread
from schemas.wire.errors import problem

NOBODY_LEFT: frozenset[tuple[str, str]] = frozenset()


class Node:
    """Answers `conversation:list` with one conversation per page, and accepts cursors."""

    def __init__(self, unread: dict[str, int]) -> None:
        self.unread = unread
        self.read: list[tuple[str, int]] = []
        self.refuses = False

    async def command(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        if kind == "message:read":
            if self.refuses:
                raise CommandError(problem("not_ready"))
            self.read.append((data["conversation_id"], data["seq"]))
            return {}
        keys = sorted(key for key in self.unread if key > data.get("after", ""))
        shown = [{"conversation_id": key, "unread": self.unread[key]} for key in keys[:1]]
        return {"conversations": shown, "after": keys[0] if len(keys) > 1 else None}


def new(seq: int, sender: str = "ann", room: str = "a") -> Event:
    return Event("message:new", {"conversation_id": room, "seq": seq, "sender": sender})


async def differing(unread: Unread, node: Node, left: frozenset[tuple[str, str]] = NOBODY_LEFT) -> list[str]:
    return [user async for user, _ in unread.differences({"bob": node}, left)]


@pytest.mark.parametrize(("count", "wrong"), [(3, []), (2, ["bob"]), (4, ["bob"])])
async def test_received_messages_that_are_not_read_count_as_unread(count: int, wrong: list[str]) -> None:
    unread = Unread()
    for seq in (1, 2, 3):
        assert unread.record("bob", new(seq)) is None
    assert await differing(unread, Node({"a": count, "b": 7})) == wrong


async def test_messages_up_to_the_cursor_and_own_messages_count_as_read() -> None:
    unread, node = Unread(), Node({"a": 1, "b": 2})
    for seq in range(1, READ_INTERVAL):
        unread.record("bob", new(seq))
    assert unread.record("bob", new(READ_INTERVAL)) == READ_INTERVAL
    await unread.mark_read("bob", node, "a", READ_INTERVAL)
    unread.record("bob", new(READ_INTERVAL + 1))
    for seq, sender in ((1, "ann"), (2, "bob"), (3, "ann"), (4, "ann")):
        unread.record("bob", new(seq, sender, "b"))
    assert node.read == [("a", READ_INTERVAL)]
    assert await differing(unread, node) == []


async def test_failed_reads_and_left_conversations_are_not_compared() -> None:
    unread, node = Unread(), Node({"a": 9, "b": 9})
    unread.record("bob", new(1))
    unread.record("bob", new(1, room="b"))
    node.refuses = True
    await unread.mark_read("bob", node, "a", 1)
    assert await differing(unread, node) == ["bob"]
    assert await differing(unread, node, frozenset({("bob", "b")})) == []
