"""How each no comes about that a command has beside the plain ones."""

from collections.abc import Awaitable, Callable
from typing import Any

from core.domain.conversation import PINS
from core.domain.inbox import PINS as CONVERSATION_PINS
from core.domain.message import VERSIONS_KEPT
from core.domain.reaction import OWN_AT_ONCE
from edge.tools.conformance.line import Frame
from edge.tools.conformance.stage import Stage, conflicts

No = Callable[[Stage, str, str], Awaitable[None]]
"""Brings a command to be refused with a code; raises `Failed` where it is not."""


def asks(**wrong: Any) -> No:
    """With fields that cannot be."""

    async def no(stage: Stage, command: str, code: str) -> None:
        usual = {"client_msg_id": stage.key()} if command == "message:send" else {}
        await stage.ann.refused(command, {**stage.here, **usual, **wrong}, code)

    return no


def otherwise(name: str, value: Any, then: Any = "👍") -> No:
    """The key was used with another value of this field before."""

    async def no(stage: Stage, command: str, _code: str) -> None:
        data: Frame = {**stage.here, "client_key": stage.key(), name: value}
        if command.startswith("reaction"):
            data["message_id"] = stage.theirs
        if command == "reaction:remove":
            await stage.ann.done("reaction:add", {**stage.about(stage.theirs), "emoji": value})
        if command == "conversation:set-role":
            data["participants"] = [stage.bob.user]
        await stage.ann.done(command, data)
        again = {"title": "Else", "until": "2999-01-01T00:00:00.000Z"}.get(name, then)
        await conflicts(stage.ann, command, {**data, name: again})

    return no


async def otherwise_about(stage: Stage, command: str, _code: str) -> None:
    """The key was used for another message before; what it did is undone."""
    data = {**stage.about(stage.theirs), "client_key": stage.key()}
    for one in (stage.theirs, stage.sealed) if command == "message:unpin" else ():
        await stage.ann.done("message:pin", stage.about(one))
    await stage.ann.done(command, data)
    await conflicts(stage.ann, command, {**data, "message_id": stage.sealed})
    for one in (stage.theirs, stage.sealed):
        await stage.ann.done("message:unpin", stage.about(one))


async def sends_otherwise(stage: Stage, command: str, _code: str) -> None:
    """The key was used with another text."""
    data = {**stage.here, "client_msg_id": stage.key(), "text": "one"}
    await stage.ann.done(command, data)
    await conflicts(stage.ann, command, {**data, "text": "another"})


async def forwards_otherwise(stage: Stage, command: str, _code: str) -> None:
    """The key was used for another message."""
    data = {**stage.about(stage.mine), "from_conversation_id": stage.room, "client_msg_id": stage.key()}
    await stage.ann.done(command, data)
    await conflicts(stage.ann, command, {**data, "message_id": stage.theirs})


async def forwards_sealed(stage: Stage, command: str, code: str) -> None:
    """A ciphertext is not forwarded."""
    data = {**stage.about(stage.sealed), "from_conversation_id": stage.room, "client_msg_id": stage.key()}
    await stage.ann.refused(command, data, code)


async def seals(stage: Stage, command: str, code: str) -> None:
    """A text does not become a ciphertext."""
    await stage.ann.refused(command, {**stage.about(stage.mine), "ciphertext": "s3cret"}, code)


async def edits_anothers(stage: Stage, command: str, code: str) -> None:
    """Not even the owner edits what somebody else said."""
    await stage.ann.refused(command, {**stage.about(stage.theirs), "text": "x"}, code)


async def edits_too_often(stage: Stage, command: str, code: str) -> None:
    """A message is edited so often and no more."""
    often = stage.about(await stage.say(stage.ann, text="again"))
    for n in range(VERSIONS_KEPT):
        await stage.ann.done(command, {**often, "text": f"{n}", "client_key": stage.key()})
    await stage.ann.push("message:edited", **often, text=f"{VERSIONS_KEPT - 1}")
    await stage.ann.refused(command, {**often, "text": "once more"}, code)


async def deletes_anothers(stage: Stage, command: str, code: str) -> None:
    """A plain member deletes only what they said."""
    await stage.bob.refused(command, stage.about(stage.mine), code)


async def no_emoji(stage: Stage, command: str, code: str) -> None:
    """A word is no emoji, and two are not one."""
    for text in ("x", "👍👍", ":no name:"):
        await stage.ann.refused(command, {**stage.about(stage.theirs), "emoji": text}, code)


async def reacts_too_often(stage: Stage, command: str, code: str) -> None:
    """A member has so many emoji on a message and no more; what another one has, and may put there, is not counted."""
    several = [f":e{n}:" for n in range(OWN_AT_ONCE)]
    for emoji in several:
        await stage.ann.done(command, {**stage.about(stage.theirs), "emoji": emoji})
    await stage.ann.until(
        lambda: len(stage.ann.numbers("reaction", stage.room)) >= OWN_AT_ONCE or None, "reactions are missing"
    )
    await stage.ann.refused(command, {**stage.about(stage.theirs), "emoji": ":more:"}, code)
    for what in (command, "reaction:remove"):
        await stage.bob.done(what, {**stage.about(stage.theirs), "emoji": ":more:"})
    for emoji in several:
        await stage.ann.done("reaction:remove", {**stage.about(stage.theirs), "emoji": emoji})


async def pins_too_much(stage: Stage, command: str, code: str) -> None:
    """A conversation keeps so many in sight and no more; one that is deleted makes room for another."""
    several = [await stage.say(stage.ann, text=f"{n}") for n in range(PINS)]
    for one in several:
        await stage.ann.done(command, stage.about(one))
    await stage.ann.push("conversation:updated", change="message-pinned", message_id=several[-1])
    await stage.ann.refused(command, stage.about(stage.theirs), code)
    await stage.ann.done("message:delete", stage.about(several[0]))
    await stage.ann.done(command, stage.about(stage.theirs))
    for one in (*several[1:], stage.theirs):
        await stage.ann.done("message:unpin", stage.about(one))


async def talks_to_nobody(stage: Stage, command: str, code: str) -> None:
    """A direct conversation is with one person."""
    for people in ([], [stage.bob.user, stage.eve.user]):
        await stage.ann.refused(command, {"kind": "direct", "participants": people}, code)


async def opens_anothers(stage: Stage, command: str, code: str) -> None:
    """Who is not in the conversation of that name does not open it, nor one that another's name would begin."""
    name = stage.key()
    there: str = (await stage.ann.done(command, {"external_id": name}))["conversation_id"]
    await stage.ann.push("conversation:updated", conversation_id=there)
    for own in (name, stage.key()):
        await stage.eve.refused(command, {"external_id": f"@{stage.ann.user}/{own}"}, code)


def of(name: str) -> No:
    """About this person."""

    async def no(stage: Stage, command: str, code: str) -> None:
        await stage.ann.refused(command, _about(stage, command, name), code)

    return no


def by_a_member_of(name: str) -> No:
    """A plain member asks it of this person."""

    async def no(stage: Stage, command: str, code: str) -> None:
        await stage.bob.refused(command, _about(stage, command, name), code)

    return no


async def by_a_member(stage: Stage, command: str, code: str) -> None:
    """A plain member asks for what is the owner's to do."""
    data = {"title": "x"} if command == "conversation:update" else _about(stage, command, "cy")
    if command == "conversation:set-role":
        data = _about(stage, command, "bob")
    await stage.bob.refused(command, {**stage.here, **data}, code)


def _about(stage: Stage, command: str, name: str) -> Frame:
    role = {"role": "member" if name == "ann" else "admin"} if command == "conversation:set-role" else {}
    return {**stage.here, "participants": [stage.world.user(name)], **role}


def leaves(stage: Stage) -> Frame:
    """What leaves the conversation."""
    return {**stage.here, "client_key": stage.key()}


async def leaves_alone(stage: Stage, command: str, code: str) -> None:
    """The last owner stays; then somebody else is an owner too."""
    await stage.ann.refused(command, stage.here, code)
    role = {**stage.here, "participants": [stage.bob.user], "role": "owner"}
    await stage.ann.done("conversation:set-role", role)


async def pins_too_many_conversations(stage: Stage, command: str, code: str) -> None:
    """Somebody has so many at the top of their list and no more; one that is unpinned makes room for another."""
    rooms = [await stage.world.room(stage.ann) for _ in range(CONVERSATION_PINS)]
    for room in rooms:
        await stage.ann.done(command, {"conversation_id": room})
    await stage.ann.push("inbox:changed", conversation_id=rooms[-1])
    await stage.ann.refused(command, stage.here, code)
    await stage.ann.done("conversation:unpin", {"conversation_id": rooms[0]})
    await stage.ann.done(command, {"conversation_id": rooms[0]})
    for room in rooms:
        await stage.ann.done("conversation:unpin", {"conversation_id": room})
