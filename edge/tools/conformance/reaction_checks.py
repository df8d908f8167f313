"""Checks of reactions and pins: nobody uses up the limit of others, and all of them can be removed."""

from typing import Any, Final

from core.domain.reaction import MAX_PER_MEMBER
from edge.tools.conformance.line import Failed, Line
from edge.tools.conformance.stage import NOWHERE, Stage, becomes, staged
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

ALIKE: Final = ("\N{HEAVY BLACK HEART}", "\N{HEAVY BLACK HEART}\ufe0f", "\N{HEAVY BLACK HEART}\ufe0e")
"""One emoji: as it is, as a picture, and as text."""


async def takes_what_looks_alike_for_one(world: World) -> None:
    """An emoji is the same in each presentation, text or picture: a message has it once, and it may be removed."""
    async with staged(world) as stage:
        plain, picture, text = ALIKE
        await _reacts(stage, stage.ann, plain)
        await _reacts(stage, stage.bob, picture)
        await becomes(lambda: _on(stage), [[stage.ann.user, stage.bob.user]], "the users of the reaction")
        await _reacts(stage, stage.ann, text, on=False)
        await becomes(lambda: _on(stage), [[stage.bob.user]], "the users of the reaction")


async def lets_nobody_use_up_a_message(world: World) -> None:
    """However many emoji a user has on a message, the others add theirs, and each user removes their own."""
    async with staged(world) as stage:
        several = [f":e{n}:" for n in range(MAX_PER_MEMBER)]
        for emoji in several:
            await _reacts(stage, stage.ann, emoji)
        await _reacts(stage, stage.bob, ":more:")
        await becomes(
            lambda: _on(stage), [[stage.ann.user]] * MAX_PER_MEMBER + [[stage.bob.user]], "who has something on"
        )
        for emoji in several:
            await _reacts(stage, stage.ann, emoji, on=False)
        await becomes(lambda: _on(stage), [[stage.bob.user]], "the users of the reactions")


async def lets_who_left_take_back(world: World) -> None:
    """A user who left a conversation deletes their own messages and removes their own reactions; nothing else."""
    async with staged(world) as stage:
        await stage.bob.done("reaction:add", {**stage.about(stage.mine), "emoji": ":mine:"})
        await stage.bob.done("conversation:leave", stage.here)
        await stage.ann.push("conversation:updated", change="participants-removed", participants=[stage.bob.user])
        for other in (stage.mine, NOWHERE):
            await stage.bob.refused("message:delete", stage.about(other), "not_a_participant")
        await stage.bob.done("message:delete", stage.about(stage.theirs))
        await stage.ann.push("message:deleted", message_id=stage.theirs, deleted=True)
        await stage.bob.done("reaction:remove", {**stage.about(stage.mine), "emoji": ":mine:"})
        await stage.ann.push("reaction:changed", message_id=stage.mine, reactions=[])
        await stage.bob.refused("reaction:add", {**stage.about(stage.mine), "emoji": ":mine:"}, "not_a_participant")


async def lets_go_of_what_is_deleted(world: World) -> None:
    """A deleted message is no longer pinned once the deletion is acknowledged, and nobody pins it again."""
    async with staged(world) as stage:
        for one in (stage.mine, stage.sealed):
            await stage.ann.done("message:pin", stage.about(one))
        await becomes(lambda: _pins(stage), [stage.mine, stage.sealed], "the pins")
        await stage.ann.done("message:delete", stage.about(stage.mine))
        if (pins := await _pins(stage)) != [stage.sealed]:
            raise Failed(f"a deleted message is pinned: {pins}")
        await stage.ann.refused("message:pin", stage.about(stage.mine), "message_not_found")
        await stage.ann.done("message:pin", stage.about(stage.theirs))
        await becomes(lambda: _pins(stage), [stage.sealed, stage.theirs], "the pins")


async def _pins(stage: Stage) -> Any:
    return (await stage.conversation())["pins"]


async def _reacts(stage: Stage, who: Line, emoji: str, *, on: bool = True) -> None:
    command = "reaction:add" if on else "reaction:remove"
    answer = await who.done(command, {**stage.about(stage.theirs), "emoji": emoji})
    if answer["level"] != "accepted":
        raise Failed(f"{command} {emoji!r} is answered {answer}")


async def _on(stage: Stage) -> Any:
    return [one["users"] for one in (await stage.message(stage.theirs)).get("reactions", ())]


CHECKS: Final[tuple[Check, ...]] = (
    takes_what_looks_alike_for_one,
    lets_nobody_use_up_a_message,
    lets_who_left_take_back,
    lets_go_of_what_is_deleted,
)
