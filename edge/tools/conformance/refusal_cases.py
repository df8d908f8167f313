"""The causes of each rejection that is specific to a command."""

from collections.abc import Awaitable, Callable
from typing import Any

from core.domain.conversation import MAX_PINS
from core.domain.inbox import MAX_PINS as CONVERSATION_PINS
from core.domain.message import VERSIONS_KEPT
from core.domain.reaction import MAX_PER_MEMBER
from edge.tools.conformance.line import Frame
from edge.tools.conformance.stage import Stage, conflicts
from schemas.commands import COMMANDS

Refusal = Callable[[Stage, str, str], Awaitable[None]]
"""Sends a command such that it is refused with a code; raises `Failed` where it is not."""


def with_fields(**wrong: Any) -> Refusal:
    """Return a case with invalid fields."""

    async def refusal(stage: Stage, command: str, code: str) -> None:
        usual = {"client_msg_id": stage.key()} if command == "message:send" else {}
        await stage.ann.refused(command, {**stage.here, **usual, **wrong}, code)

    return refusal


def reuses_key_for_other_value(name: str, value: Any, then: Any = "👍") -> Refusal:
    """Return a case whose key was used before with another value of this field."""

    async def refusal(stage: Stage, command: str, _code: str) -> None:
        data: Frame = {**stage.here, "client_key": stage.key(), name: value}
        if "message_id" in COMMANDS[command].__struct_fields__:
            data["message_id"] = stage.theirs
        if command == "reaction:remove":
            await stage.ann.done("reaction:add", {**stage.about(stage.theirs), "emoji": value})
        if command == "conversation:set-role":
            data["participants"] = [stage.bob.user]
        await stage.ann.done(command, data)
        again = {"title": "Else", "until": "2999-01-01T00:00:00.000Z"}.get(name, then)
        await conflicts(stage.ann, command, {**data, name: again})

    return refusal


async def reuses_key_for_other_message(stage: Stage, command: str, _code: str) -> None:
    """Reuse a key for another message; then undo the effects."""
    data = {**stage.about(stage.theirs), "client_key": stage.key()}
    for one in (stage.theirs, stage.sealed) if command == "message:unpin" else ():
        await stage.ann.done("message:pin", stage.about(one))
    await stage.ann.done(command, data)
    await conflicts(stage.ann, command, {**data, "message_id": stage.sealed})
    for one in (stage.theirs, stage.sealed):
        await stage.ann.done("message:unpin", stage.about(one))


async def reuses_key_for_other_text(stage: Stage, command: str, _code: str) -> None:
    """Reuse a key with another text."""
    data = {**stage.here, "client_msg_id": stage.key(), "text": "one"}
    await stage.ann.done(command, data)
    await conflicts(stage.ann, command, {**data, "text": "another"})


async def reuses_key_for_other_forward(stage: Stage, command: str, _code: str) -> None:
    """Reuse a key to forward another message."""
    data = {**stage.about(stage.mine), "from_conversation_id": stage.room, "client_msg_id": stage.key()}
    await stage.ann.done(command, data)
    await conflicts(stage.ann, command, {**data, "message_id": stage.theirs})


async def forwards_sealed(stage: Stage, command: str, code: str) -> None:
    """Forward a ciphertext."""
    data = {**stage.about(stage.sealed), "from_conversation_id": stage.room, "client_msg_id": stage.key()}
    await stage.ann.refused(command, data, code)


async def seals(stage: Stage, command: str, code: str) -> None:
    """Edit a text into a ciphertext."""
    await stage.ann.refused(command, {**stage.about(stage.mine), "ciphertext": "s3cret"}, code)


async def edits_message_of_another(stage: Stage, command: str, code: str) -> None:
    """Edit another user's message as the owner."""
    await stage.ann.refused(command, {**stage.about(stage.theirs), "text": "x"}, code)


async def edits_too_often(stage: Stage, command: str, code: str) -> None:
    """Edit a message once more than the limit."""
    often = stage.about(await stage.say(stage.ann, text="again"))
    for n in range(VERSIONS_KEPT):
        await stage.ann.done(command, {**often, "text": f"{n}", "client_key": stage.key()})
    await stage.ann.push("message:edited", **often, text=f"{VERSIONS_KEPT - 1}")
    await stage.ann.refused(command, {**often, "text": "once more"}, code)


async def deletes_message_of_another(stage: Stage, command: str, code: str) -> None:
    """Delete another user's message as a plain member."""
    await stage.bob.refused(command, stage.about(stage.mine), code)


async def invalid_emoji(stage: Stage, command: str, code: str) -> None:
    """React with a letter, with two emoji, and with an invalid name."""
    for text in ("x", "👍👍", ":no name:"):
        await stage.ann.refused(command, {**stage.about(stage.theirs), "emoji": text}, code)


async def reacts_too_often(stage: Stage, command: str, code: str) -> None:
    """Add one emoji more than a member's limit on a message; those of other members do not count."""
    several = [f":e{n}:" for n in range(MAX_PER_MEMBER)]
    for emoji in several:
        await stage.ann.done(command, {**stage.about(stage.theirs), "emoji": emoji})
    await stage.ann.until(
        lambda: len(stage.ann.numbers("reaction", stage.room)) >= MAX_PER_MEMBER or None, "reactions are missing"
    )
    await stage.ann.refused(command, {**stage.about(stage.theirs), "emoji": ":more:"}, code)
    for what in (command, "reaction:remove"):
        await stage.bob.done(what, {**stage.about(stage.theirs), "emoji": ":more:"})
    for emoji in several:
        await stage.ann.done("reaction:remove", {**stage.about(stage.theirs), "emoji": emoji})


async def pins_too_many_messages(stage: Stage, command: str, code: str) -> None:
    """Pin one message more than the limit of a conversation; a deleted one frees a place."""
    several = [await stage.say(stage.ann, text=f"{n}") for n in range(MAX_PINS)]
    for one in several:
        await stage.ann.done(command, stage.about(one))
    await stage.ann.push("conversation:updated", change="message-pinned", message_id=several[-1])
    await stage.ann.refused(command, stage.about(stage.theirs), code)
    await stage.ann.done("message:delete", stage.about(several[0]))
    await stage.ann.done(command, stage.about(stage.theirs))
    for one in (*several[1:], stage.theirs):
        await stage.ann.done("message:unpin", stage.about(one))


async def wrong_number_of_participants(stage: Stage, command: str, code: str) -> None:
    """Create a direct conversation with none or with two other users."""
    for people in ([], [stage.bob.user, stage.eve.user]):
        await stage.ann.refused(command, {"kind": "direct", "participants": people}, code)


async def opens_conversation_of_another(stage: Stage, command: str, code: str) -> None:
    """Open a conversation by another user's name, an existing one and a new one, as a non-member."""
    name = stage.key()
    there: str = (await stage.ann.done(command, {"external_id": name}))["conversation_id"]
    await stage.ann.push("conversation:updated", conversation_id=there)
    for own in (name, stage.key()):
        await stage.eve.refused(command, {"external_id": f"@{stage.ann.user}/{own}"}, code)


def about_user(name: str) -> Refusal:
    """Return a case in which the owner sends the command about this user."""

    async def refusal(stage: Stage, command: str, code: str) -> None:
        await stage.ann.refused(command, _about(stage, command, name), code)

    return refusal


def by_member_about(name: str) -> Refusal:
    """Return a case in which a plain member sends the command about this user."""

    async def refusal(stage: Stage, command: str, code: str) -> None:
        await stage.bob.refused(command, _about(stage, command, name), code)

    return refusal


async def by_member(stage: Stage, command: str, code: str) -> None:
    """Send an owner's command as a plain member."""
    data = {"title": "x"} if command == "conversation:update" else _about(stage, command, "cy")
    if command == "conversation:set-role":
        data = _about(stage, command, "bob")
    await stage.bob.refused(command, {**stage.here, **data}, code)


def _about(stage: Stage, command: str, name: str) -> Frame:
    role = {"role": "member" if name == "ann" else "admin"} if command == "conversation:set-role" else {}
    return {**stage.here, "participants": [stage.world.user(name)], **role}


def leaves(stage: Stage) -> Frame:
    """Return the data of a leave."""
    return {**stage.here, "client_key": stage.key()}


async def leaves_as_last_owner(stage: Stage, command: str, code: str) -> None:
    """Leave as the last owner; then make another member an owner."""
    await stage.ann.refused(command, stage.here, code)
    role = {**stage.here, "participants": [stage.bob.user], "role": "owner"}
    await stage.ann.done("conversation:set-role", role)


async def pins_too_many_conversations(stage: Stage, command: str, code: str) -> None:
    """Pin one conversation more than a user's limit; an unpinned one frees a place."""
    rooms = [await stage.world.room(stage.ann) for _ in range(CONVERSATION_PINS)]
    for room in rooms:
        await stage.ann.done(command, {"conversation_id": room})
    await stage.ann.push("inbox:changed", conversation_id=rooms[-1])
    await stage.ann.refused(command, stage.here, code)
    await stage.ann.done("conversation:unpin", {"conversation_id": rooms[0]})
    await stage.ann.done(command, {"conversation_id": rooms[0]})
    for room in rooms:
        await stage.ann.done("conversation:unpin", {"conversation_id": room})
