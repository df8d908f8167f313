"""Checks of control frames and fragments, and of how long a line may stay without a login."""

import asyncio
from typing import Final

from edge.tools.conformance.line import Failed, Line
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

PINGS: Final = 100
FLOOD: Final = 400
FRAGMENTED_CHARS: Final = 100
"""Length of a text that is sent in fragments of one byte: its frame has less than 400 of them."""
FRAGMENTS: Final = 4_000
"""Many more than the 400 at once and 200 a second of the protocol."""
LOGIN_S: Final = 30.0
"""Maximum wait for the close of a line without a login: far more than the 10 s of the protocol."""


async def ends_a_late_login(world: World) -> None:
    """A line that sends no `auth` in time is answered with `unauthorized` and closed with 4501, though it pings."""
    async with world.raw() as nobody:
        async with asyncio.timeout(LOGIN_S):
            while not nobody.over:
                await nobody.ping()
                await asyncio.sleep(0.5)
        await nobody.closed(4501)
        if [frame["error"]["code"] for frame in nobody.said] != ["unauthorized"]:
            raise Failed(f"the frames before the close are {nobody.said}")


async def paces_control_frames(world: World) -> None:
    """A hundred pings at once are accepted; many more at once close the line with 4429."""
    async with await world.line("ann") as ann:
        for _ in range(PINGS // 2):
            await ann.ping()
        await ann.done("conversation:list", {})
        for _ in range(FLOOD):
            await ann.ping()
        await ann.closed(4429)


async def paces_fragments(world: World) -> None:
    """A message in hundreds of small fragments is accepted unchanged; thousands of fragments at once, empty or not,
    close the line with 4429.
    """
    async with await world.line("ann") as ann:
        await _sends_in_fragments(ann, await world.room(ann))
    for data in (b"", b" "):
        async with await world.line("ann") as ann:
            await _floods(ann, data)
            await ann.closed(4429)


async def _sends_in_fragments(line: Line, room: str) -> None:
    data = {"conversation_id": room, "client_msg_id": "k", "text": "x" * FRAGMENTED_CHARS}
    answer = await line.answer(await line.begin("message:send", data, send=line.send_in_fragments))
    if answer["type"] != "ack":
        raise Failed(f"a message in fragments is answered by {answer['error']}")
    pushed = await line.push("message:new", message_id=answer["data"]["message_id"])
    if pushed["data"]["text"] != data["text"]:
        raise Failed(f"the text of a message in fragments is {pushed['data']['text']!r}")


async def _floods(line: Line, data: bytes) -> None:
    """Send fragments of a message without an end, until the line is closed or many were sent."""
    line.send_fragment(data, first=True)
    for _ in range(FRAGMENTS):
        if line.over:
            return
        line.send_fragment(data)
        await asyncio.sleep(0)


CHECKS: Final[tuple[Check, ...]] = (ends_a_late_login, paces_control_frames, paces_fragments)
