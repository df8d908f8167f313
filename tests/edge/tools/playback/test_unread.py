"""A count that is not what a user was told and read is named, and no other."""

from typing import Any

import pytest

from edge.sdk.python.caas_client.wire import CommandError, Event
from edge.tools.playback.unread import EVERY, Unread
from schemas.wire.errors import problem

NOBODY_LEFT: frozenset[tuple[str, str]] = frozenset()


class Node:
    """Answers a list a conversation a page, and takes cursors."""

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
async def test_what_was_told_and_not_read_is_unread(count: int, wrong: list[str]) -> None:
    unread = Unread()
    for seq in (1, 2, 3):
        assert unread.hears("bob", new(seq)) is None
    assert await differing(unread, Node({"a": count, "b": 7})) == wrong


async def test_a_cursor_and_what_one_says_oneself_are_read() -> None:
    unread, node = Unread(), Node({"a": 1, "b": 2})
    for seq in range(1, EVERY):
        unread.hears("bob", new(seq))
    assert unread.hears("bob", new(EVERY)) == EVERY
    await unread.reads("bob", node, "a", EVERY)
    unread.hears("bob", new(EVERY + 1))
    for seq, sender in ((1, "ann"), (2, "bob"), (3, "ann"), (4, "ann")):
        unread.hears("bob", new(seq, sender, "b"))
    assert node.read == [("a", EVERY)]
    assert await differing(unread, node) == []


async def test_what_may_have_been_read_and_what_was_left_is_not_compared() -> None:
    unread, node = Unread(), Node({"a": 9, "b": 9})
    unread.hears("bob", new(1))
    unread.hears("bob", new(1, room="b"))
    node.refuses = True
    await unread.reads("bob", node, "a", 1)
    assert await differing(unread, node) == ["bob"]
    assert await differing(unread, node, frozenset({("bob", "b")})) == []
