"""What must be so after the yes to a command."""

from collections.abc import Awaitable, Callable
from typing import Any

from edge.tools.conformance.line import Failed
from edge.tools.conformance.stage import Stage, becomes, pushed_cursor

After = Callable[[Stage, Any], Awaitable[None]]
"""Given what was asked and answered, in one; raises `Failed` where it is not so."""


async def said(stage: Stage, found: Any) -> None:
    """It says what was said."""
    await becomes(lambda: _field(stage, found["message_id"], "text"), found["text"], "the text")


async def forwarded(stage: Stage, found: Any) -> None:
    """It says where it comes from."""
    await stage.ann.push("message:new", message_id=found["message_id"])
    origins = (await stage.message(found["message_id"]))["forwarded_from"]
    if [origin["message_id"] for origin in origins] != [stage.mine]:
        raise Failed(f"it says that it comes from {origins}")


async def withdrawn(stage: Stage, found: Any) -> None:
    """It is shown as deleted."""
    await becomes(lambda: _field(stage, found["message_id"], "deleted"), True, "deleted")


async def reacted(stage: Stage, found: Any) -> None:
    """The emoji is on it."""
    wanted = [{"emoji": found["emoji"], "users": [stage.ann.user]}]
    await becomes(lambda: _field(stage, found["message_id"], "reactions"), wanted, "what is on it")


async def unreacted(stage: Stage, found: Any) -> None:
    """Nothing is on it."""
    await becomes(lambda: _field(stage, found["message_id"], "reactions"), None, "what is on it")


async def hidden(stage: Stage, found: Any) -> None:
    """It is in the history no longer."""

    async def seen() -> bool:
        messages = (await stage.ann.done("message:history", stage.here))["messages"]
        return found["message_id"] in [one["message_id"] for one in messages]

    await becomes(seen, False, "that it is in the history")


async def got(stage: Stage, _found: Any) -> None:
    """The others in the conversation are pushed how far it was delivered."""
    await pushed_cursor(stage.bob, stage.here, user_id=stage.ann.user)


async def opened(stage: Stage, found: Any) -> None:
    """The conversation has this title."""
    stage.room = found["conversation_id"]
    await becomes(lambda: _shown(stage, "title"), found["title"], "the title")


async def pinned(stage: Stage, found: Any) -> None:
    """The message is kept in sight."""
    await becomes(lambda: _shown(stage, "pins"), [found["message_id"]], "what is pinned")


async def unpinned(stage: Stage, _found: Any) -> None:
    """No message is kept in sight."""
    await becomes(lambda: _shown(stage, "pins"), [], "what is pinned")


async def gone(stage: Stage, _found: Any) -> None:
    """Nobody but the owner is in it."""
    await becomes(lambda: _present(stage), [stage.ann.user], "who is in it")


async def came(stage: Stage, found: Any) -> None:
    """They are in it."""
    await becomes(
        lambda: _present(stage), sorted([stage.ann.user, stage.bob.user, *found["participants"]]), "who is in it"
    )


async def ranked(stage: Stage, found: Any) -> None:
    """The member has this role."""

    async def role() -> Any:
        people = (await stage.conversation())["participants"]
        return next(one["role"] for one in people if one["user_id"] == stage.bob.user)

    await becomes(role, found["role"], "the role")


def kept(**wanted: Any) -> After:
    """The owner's list says so of the conversation."""

    async def after(stage: Stage, _found: Any) -> None:
        async def now() -> Any:
            inbox = (await stage.listed())["inbox"]
            return {name: inbox[name] for name in wanted}

        await becomes(now, wanted, "the inbox")

    return after


async def kept_pinned(stage: Stage, _found: Any) -> None:
    """The owner's list says that it is pinned."""

    async def now() -> Any:
        return (await stage.listed())["inbox"]["pinned"] is not None

    await becomes(now, True, "whether it is pinned")


def answers(**wanted: Any) -> After:
    """The answer says so."""

    async def after(_stage: Stage, found: Any) -> None:
        shown = {name: len(found[name]) if isinstance(found[name], list) else found[name] for name in wanted}
        if shown != wanted:
            raise Failed(f"the answer has {shown}, not {wanted}")

    return after


async def _field(stage: Stage, message_id: str, name: str) -> Any:
    return (await stage.message(message_id)).get(name)


async def _shown(stage: Stage, name: str) -> Any:
    return (await stage.conversation())[name]


async def _present(stage: Stage) -> Any:
    people = (await stage.conversation())["participants"]
    return sorted(one["user_id"] for one in people if one["present"])


async def left(stage: Stage, _found: Any) -> None:
    """Once they are told so, it is closed to them."""
    await stage.ann.push("conversation:updated", change="participants-removed", participants=[stage.ann.user])
    await stage.ann.refused("message:send", {**stage.here, "client_msg_id": "x", "text": "x"}, "not_a_participant")
