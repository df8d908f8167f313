"""Checks of search: it finds what the user may read, as it is now, in every script, page by page."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from edge.tools.conformance import line as lines
from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Frame, Line
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

POLL_INTERVAL_S: Final = 0.4
"""Searches are limited: 30 a minute unless a node has another setting."""
FOUND_BY: Final[Sequence[tuple[str, str, Frame]]] = (
    ("at the Café", "CAFE", {}),
    ("我家在上海东边。", "上海", {}),
    ("ดีใจที่ได้พบ", "พบ", {}),
    ("서울에서 만나요", "서울", {}),
    ("done 🎉", "🎉", {}),
    ("before\x00after", "after", {}),
    ("the budget", "budg", {"prefix": True}),
)
"""Texts, the query that finds each, and its options."""
NOT_FOUND_BY: Final[Sequence[tuple[str, Frame]]] = (("caf", {}), ("海上", {}), ("budg", {}))


async def finds_what_is_said_now(world: World) -> None:
    """A search finds a text once it is indexed; from the acknowledgment of an edit or deletion on it no longer finds
    the old text, and then it finds the new one.
    """
    async with await world.line("ann") as ann:
        room = await world.room(ann)
        edited, deleted = await say(ann, room, "a pelican"), await say(ann, room, "a pelican too")
        await _finds(ann, ["a pelican too", "a pelican"], text="pelican")
        await ann.done("message:edit", {**edited, "text": "a heron"})
        await ann.done("message:delete", deleted)
        if found := await _texts(ann, text="pelican"):
            raise Failed(f"an edited or deleted text is found: {found}")
        await _finds(ann, ["a heron"], text="heron")


async def finds_what_one_may_read(world: World) -> None:
    """However many messages precede a user's join, a search finds all that they may read, and nothing else."""
    async with await world.line("ann") as ann, await world.line("cy") as cy, await world.line("eve") as eve:
        room = await world.room(ann, "bob")
        for n in range(8):
            await say(ann, room, f"zebra {n}")
        await ann.done("conversation:add-participants", {"conversation_id": room, "participants": [cy.user]})
        await cy.push("conversation:updated", conversation_id=room)
        for n in range(2):
            await say(ann, room, f"a later zebra {n}")
        await _finds(ann, 10, text="zebra")
        await _finds(cy, ["a later zebra 1", "a later zebra 0"], text="zebra", limit=2)
        if found := await _texts(eve, text="zebra"):
            raise Failed(f"a stranger finds {found}")
        await eve.refused("search:messages", {"text": "zebra", "conversation_id": room}, "not_a_participant")


async def finds_every_script(world: World) -> None:
    """Accents and case are ignored; scripts without spaces are found by any part; emoji and words after a NUL are
    found, and with `prefix` the beginning of a word.
    """
    async with await world.line("ann") as ann:
        room = await world.room(ann)
        for n, (text, _, _) in enumerate(FOUND_BY):
            await say(ann, room, f"{n}", text)
        for text, wanted, how in FOUND_BY:
            await _finds(ann, [text], text=wanted, **how)
        for wanted, how in NOT_FOUND_BY:
            if found := await _texts(ann, text=wanted, **how):
                raise Failed(f"{wanted} finds {found}")


async def pages_a_search(world: World) -> None:
    """The pages of a search have each message once, newest first; a cursor is valid for one user and one query."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        for n in range(5):
            await say(ann, room, f"page {n}")
            await ann.push("message:new", conversation_id=room, text=f"page {n}")
        every = [f"page {n}" for n in range(4, -1, -1)]
        await _finds(ann, every, text="page")
        if (found := await _texts(ann, text="page", limit=2)) != every:
            raise Failed(f"page by page it is {found}")
        after = (await ann.done("search:messages", {"text": "page", "limit": 2}))["after"]
        for who, text in ((bob, "page"), (ann, "pages")):
            await who.refused("search:messages", {"text": text, "after": after}, "validation_failed")


async def bounds_searches(world: World) -> None:
    """A search for more than 32 words is refused, and one of 32 answered."""
    async with await world.line("ann") as ann:
        await world.room(ann)
        words = [f"w{n}" for n in range(33)]
        await ann.refused("search:messages", {"text": " ".join(words)}, "validation_failed")
        if found := await _texts(ann, text=" ".join(words[:32])):
            raise Failed(f"words that no message has find {found}")


async def _texts(who: Line, **asked: Any) -> list[str]:
    """Return the texts of all pages."""
    found, after = list[str](), None
    while True:
        page: Frame = await who.done("search:messages", {**asked, "after": after})
        found += [one["text"] for one in page["messages"]]
        after = page["after"]
        if after is None:
            return found


async def _finds(who: Line, wanted: list[str] | int, **asked: Any) -> None:
    """Return once a search finds these texts, or this number of them. Raises `Failed`."""
    ends = asyncio.get_running_loop().time() + lines.TIMEOUT_S
    while (found := await _texts(who, **asked)) != wanted and len(found) != wanted:
        if asyncio.get_running_loop().time() > ends:
            raise Failed(f"{asked} finds {found}, not {wanted}")
        await asyncio.sleep(POLL_INTERVAL_S)


CHECKS: Final[tuple[Check, ...]] = (
    finds_what_is_said_now,
    finds_what_one_may_read,
    finds_every_script,
    pages_a_search,
    bounds_searches,
)
