"""Postconditions check the effect of a command after its success."""

from collections.abc import Awaitable, Callable
from typing import Any

from edge.tools.conformance.line import Failed
from edge.tools.conformance.stage import Stage, becomes, pushed_cursor

After = Callable[[Stage, Any], Awaitable[None]]
"""Takes the command's data and answer, merged; raises `Failed` where the effect is missing."""


async def said(stage: Stage, found: Any) -> None:
    """Check that the message has the text."""
    await becomes(lambda: _field(stage, found["message_id"], "text"), found["text"], "the text")


async def forwarded(stage: Stage, found: Any) -> None:
    """Check that the message names its origin."""
    await stage.ann.push("message:new", message_id=found["message_id"])
    origins = (await stage.message(found["message_id"]))["forwarded_from"]
    if [origin["message_id"] for origin in origins] != [stage.mine]:
        raise Failed(f"its origins are {origins}")


async def withdrawn(stage: Stage, found: Any) -> None:
    """Check that the message is shown as deleted."""
    await becomes(lambda: _field(stage, found["message_id"], "deleted"), True, "deleted")


async def reacted(stage: Stage, found: Any) -> None:
    """Check that the message has the emoji."""
    wanted = [{"emoji": found["emoji"], "users": [stage.ann.user]}]
    await becomes(lambda: _field(stage, found["message_id"], "reactions"), wanted, "its reactions")


async def unreacted(stage: Stage, found: Any) -> None:
    """Check that the message has no reactions."""
    await becomes(lambda: _field(stage, found["message_id"], "reactions"), None, "its reactions")


async def hidden(stage: Stage, found: Any) -> None:
    """Check that the message is no longer in the history."""

    async def seen() -> bool:
        messages = (await stage.ann.done("message:history", stage.here))["messages"]
        return found["message_id"] in [one["message_id"] for one in messages]

    await becomes(seen, False, "its presence in the history")


async def delivered(stage: Stage, _found: Any) -> None:
    """Check that the other members receive the delivered cursor."""
    await pushed_cursor(stage.bob, stage.here, user_id=stage.ann.user)


async def opened(stage: Stage, found: Any) -> None:
    """Check that the conversation has this title."""
    stage.room = found["conversation_id"]
    await becomes(lambda: _shown(stage, "title"), found["title"], "the title")


async def pinned(stage: Stage, found: Any) -> None:
    """Check that the message is pinned."""
    await becomes(lambda: _shown(stage, "pins"), [found["message_id"]], "the pins")


async def unpinned(stage: Stage, _found: Any) -> None:
    """Check that no message is pinned."""
    await becomes(lambda: _shown(stage, "pins"), [], "the pins")


async def gone(stage: Stage, _found: Any) -> None:
    """Check that the owner is the only member."""
    await becomes(lambda: _present(stage), [stage.ann.user], "the list of members")


async def joined(stage: Stage, found: Any) -> None:
    """Check that the added users are members."""
    await becomes(
        lambda: _present(stage), sorted([stage.ann.user, stage.bob.user, *found["participants"]]), "the list of members"
    )


async def ranked(stage: Stage, found: Any) -> None:
    """Check that the member has this role."""

    async def role() -> Any:
        people = (await stage.conversation())["participants"]
        return next(one["role"] for one in people if one["user_id"] == stage.bob.user)

    await becomes(role, found["role"], "the role")


def kept(**wanted: Any) -> After:
    """Return a check that the owner's list shows these inbox fields of the conversation."""

    async def after(stage: Stage, _found: Any) -> None:
        async def now() -> Any:
            inbox = (await stage.listed())["inbox"]
            return {name: inbox[name] for name in wanted}

        await becomes(now, wanted, "the inbox")

    return after


async def kept_pinned(stage: Stage, _found: Any) -> None:
    """Check that the owner's list shows the conversation as pinned."""

    async def now() -> Any:
        return (await stage.listed())["inbox"]["pinned"] is not None

    await becomes(now, True, "whether it is pinned")


def answers(**wanted: Any) -> After:
    """Return a check that the answer has these fields; a list is compared by its length."""

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
    """Check that the user is notified, and may no longer send there."""
    await stage.ann.push("conversation:updated", change="participants-removed", participants=[stage.ann.user])
    await stage.ann.refused("message:send", {**stage.here, "client_msg_id": "x", "text": "x"}, "not_a_participant")
