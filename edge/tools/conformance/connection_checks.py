"""Checks of the handshake of a line, and of what closes it."""

from typing import Final
from uuid import uuid4

import msgspec

from edge.tools.conformance.line import Failed
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World
from schemas.bounds import FRAME_BYTES

STRIKES: Final = 20


async def greets_first(world: World) -> None:
    """The first frame of a line is hello, and names its user."""
    async with await world.line("ann") as ann:
        hello = ann.said[0]
        if hello["type"] != "hello" or hello["data"]["user_id"] != world.user("ann"):
            raise Failed(f"the first frame is {hello}")


async def takes_a_header(world: World) -> None:
    """A token in the header of the handshake opens a line as one in the first frame does."""
    headers = {"Authorization": f"Bearer {await world.token('ann')}"}
    async with world.raw(headers=headers) as ann:
        await ann.push("hello", user_id=world.user("ann"))


async def answers_auth(world: World) -> None:
    """`auth` is answered under its ids, after hello: by an ack that names the line's user, or by an error."""
    correlation_id = str(uuid4())
    for frame_id in (7, "seven"):
        async with world.raw() as ann:
            token = await world.token("ann")
            await ann.begin("auth", {"token": token}, id=frame_id, correlation_id=correlation_id)
            answer = await ann.answer(frame_id)
            if answer["correlation_id"] != correlation_id or ann.said[0]["type"] != "hello":
                raise Failed(f"auth is answered by {answer}, the first frame is {ann.said[0]}")
            if answer["data"]["user_id"] != world.user("ann") or answer["data"]["expires_in"] <= 0:
                raise Failed(f"auth is answered by {answer}")
        async with world.raw() as nobody:
            await nobody.begin("auth", {"token": "rubbish"}, id=frame_id, correlation_id=correlation_id)
            answer = await nobody.answer(frame_id)
            if answer["type"] != "error" or answer["correlation_id"] != correlation_id:
                raise Failed(f"auth with an invalid token is answered by {answer}")


async def renews_tokens(world: World) -> None:
    """`auth` on an open line accepts another token of its user; an invalid one, or another user's, changes nothing."""
    async with await world.line("ann") as ann:
        answer = await ann.done("auth", {"token": await world.token("ann")})
        if answer["user_id"] != world.user("ann") or answer["expires_in"] <= 0:
            raise Failed(f"another token of the user is answered by {answer}")
        for token in ("rubbish", await world.token("bob")):
            await ann.refused("auth", {"token": token}, "unauthorized")
        await ann.done("conversation:list", {})


async def refuses_bad_tokens(world: World) -> None:
    """An invalid token is answered with `unauthorized`, then the line is closed with 4501."""
    good = await world.token("ann")
    head, claims, signature = good.split(".")
    for token in ("rubbish", "", f"{head}.{claims}.", f"{head}.{claims}.{signature[::-1]}"):
        async with world.raw() as nobody:
            await nobody.send(msgspec.json.encode({"id": 1, "type": "auth", "data": {"token": token}}))
            await nobody.closed(4501)
            if [frame["error"]["code"] for frame in nobody.said] != ["unauthorized"]:
                raise Failed(f"the frames before the close are {nobody.said}")


async def asks_who_it_is(world: World) -> None:
    """A first frame other than auth is answered with `unauthorized`, then the line is closed with 4501."""
    async with world.raw() as nobody:
        await nobody.send('{"id":1,"type":"conversation:list","data":{}}')
        await nobody.closed(4501)


async def knows_its_protocol(world: World) -> None:
    """A client that offers only other subprotocols is closed with 4506."""
    async with world.raw(protocol="else.v9") as nobody:
        await nobody.closed(4506)


async def takes_text_alone(world: World) -> None:
    """A binary frame closes the line with 4510."""
    async with await world.line("ann") as ann:
        await ann.send_binary(b"{}")
        await ann.closed(4510)


async def takes_masked_frames_alone(world: World) -> None:
    """An unmasked frame closes the line with 1002, and its command is not executed."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        sends = {"id": 1, "type": "message:send", "data": {"conversation_id": room, "client_msg_id": "k", "text": "x"}}
        await ann.send_unmasked(msgspec.json.encode(sends).decode())
        await ann.closed(1002)
        await bob.quiet("message:new", conversation_id=room)


async def bounds_frames(world: World) -> None:
    """A frame beyond `hello.limits.frame` closes the line with 1009."""
    async with await world.line("ann") as ann:
        limit = ann.said[0]["data"]["limits"].get("frame", FRAME_BYTES)
        await ann.send(b'{"id":1,"type":"conversation:list","data":{"x":"' + b"x" * limit + b'"}}')
        await ann.closed(1009)


async def bears_rubbish_for_a_while(world: World) -> None:
    """Frames that are no command are answered with an error; twenty in a row close the line with 4509."""
    async with await world.line("ann") as ann:
        for text in ("", "[]", "{", "nonsense", '{"id":1}')[:4]:
            await ann.send(text)
        await ann.until(lambda: len(ann.pushes("error")) >= 4 or None, "not every frame that is no command is answered")
        await ann.done("conversation:list", {})  # a command resets the count
        for _ in range(STRIKES):
            await ann.send("nonsense")
        await ann.closed(4509)


CHECKS: Final[tuple[Check, ...]] = (
    greets_first,
    takes_a_header,
    answers_auth,
    renews_tokens,
    refuses_bad_tokens,
    asks_who_it_is,
    knows_its_protocol,
    takes_text_alone,
    takes_masked_frames_alone,
    bounds_frames,
    bears_rubbish_for_a_while,
)
