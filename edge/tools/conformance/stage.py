"""Stage is a small conversation to try commands in: an owner, a member, a non-member, and messages of several kinds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from edge.tools.conformance.line import TIMEOUT_S, Failed, Frame, Line
from edge.tools.conformance.world import World
from schemas.wire.frames import CURSORS

NOWHERE: Final = "00000000-0000-5000-8000-000000000000"


@dataclass(slots=True)
class Stage:
    """`ann` owns `room`, `bob` is a member, `eve` is not. Ann sent `mine` and `sealed`, a ciphertext, bob `theirs`."""

    world: World
    ann: Line
    bob: Line
    eve: Line
    room: str = ""
    mine: str = ""
    theirs: str = ""
    sealed: str = ""
    keys: list[str] = field(default_factory=list)

    def key(self) -> str:
        """Return a new client key."""
        self.keys.append(f"{self.world.run} {len(self.keys)}")
        return self.keys[-1]

    @property
    def here(self) -> Frame:
        """The field that names the conversation."""
        return {"conversation_id": self.room}

    def about(self, message_id: str) -> Frame:
        """Return the fields that name a message of it."""
        return {**self.here, "message_id": message_id}

    async def say(self, line: Line, **what: Any) -> str:
        """Send a message and wait until both members received it; return its id."""
        data = {**self.here, "client_msg_id": self.key(), **what}
        said: str = (await line.done("message:send", data))["message_id"]
        for one in (self.ann, self.bob):
            await one.push("message:new", message_id=said)
        return said

    async def conversation(self) -> Any:
        """Return the conversation as the owner gets it."""
        return await self.ann.done("conversation:get", self.here)

    async def listed(self) -> Any:
        """Return the conversation as the owner's list shows it."""
        found = (await self.ann.done("conversation:list", {}))["conversations"]
        return next(one for one in found if one["conversation_id"] == self.room)

    async def message(self, message_id: str) -> Any:
        """Return a message as the owner gets it."""
        return (await self.ann.done("message:get", self.about(message_id)))["message"]


@asynccontextmanager
async def staged(world: World) -> AsyncIterator[Stage]:
    """Yield a stage that is set up."""
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob, await world.line("eve") as eve:
        stage = Stage(world, ann, bob, eve)
        stage.room = await world.room(ann, "bob")
        await bob.push("conversation:updated", **stage.here)
        stage.mine = await stage.say(ann, text="mine")
        stage.theirs = await stage.say(bob, text="theirs")
        stage.sealed = await stage.say(ann, ciphertext="s3cret")
        yield stage


async def becomes(look: Callable[[], Awaitable[Any]], wanted: Any, what: str) -> None:
    """Return once `look` returns what is wanted. Raises `Failed` after a timeout."""
    ends = asyncio.get_running_loop().time() + TIMEOUT_S
    while (found := await look()) != wanted:
        if asyncio.get_running_loop().time() > ends:
            raise Failed(f"{what} is {found!r}, not {wanted!r}")
        await asyncio.sleep(0.05)


async def pushed_cursor(line: Line, here: Frame, **wanted: Any) -> None:
    """Return when a cursor with these fields was pushed for this conversation. Raises `Failed`."""

    def pushed() -> bool:
        cursors = [one for push in line.pushes(CURSORS, **here) for one in push["data"]["cursors"]]
        return any(all(one[name] == value for name, value in wanted.items()) for one in cursors)

    await line.until(lambda: pushed() or None, f"no cursor with {wanted} is pushed")


async def conflicts(line: Line, kind: str, data: Frame) -> None:
    """Check that a command whose key was used with another body is refused: in the answer, or later by a push when the
    log has decided.
    """
    answer = await line.ask(kind, data)
    if answer["type"] == "error":
        codes = [answer["error"]["code"]]
    else:
        await line.until(lambda: line.pushes("error") or None, f"{kind} with another body is never refused")
        codes = [push["error"]["code"] for push in line.pushes("error")]
    if codes != ["idempotency_conflict"]:
        raise Failed(f"{kind} with another body is refused with {codes}")
