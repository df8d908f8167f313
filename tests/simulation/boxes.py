"""What people keep for themselves: numbered in a lane of their own, as the log says it, and seen on their screens."""

from collections.abc import Iterator

from tests.simulation.fold import CURSOR, Box, Told, Whole
from tests.simulation.screens import Screen
from tests.simulation.users import TENANT
from tests.simulation.world import World

Broken = Iterator[str]
SAID = ("n", "read", "muted", "muted_until", "archived", "archived_seq", "keep_archived", "pinned")
"""What a row of somebody's own, and a push of it, says."""


def boxes(world: World, whole: Whole) -> Broken:
    """Law 16: a user's own lane is numbered like any other, its rows are what the log says, and so is what they see."""
    yield from _numbered(world, whole)
    yield from _kept(world, whole)
    for screen in world.screens.values():
        yield from _seen(screen, whole)


def _numbered(world: World, whole: Whole) -> Broken:
    heads, acts = world.watch.rows("inbox", "heads"), world.watch.rows("inbox", "acts")
    for (user, lane), told in whole.lanes.items():
        if lane != "user":
            continue
        head = heads.get(f"{TENANT}:{user}", {}).get("user", {"pos": -1, "n": 0})
        if (head["pos"], head["n"]) != (told[-1].position, len(told)):
            yield f"law 16: the head of {user} is {head}, not {len(told)} at {told[-1].position}"
        for n, event in enumerate(told, start=1):
            act = acts.get(event.id, {}).get("act", {})
            if _acts(event) and act.get("n") != n:
                yield f"law 16: {event} is {act}, not number {n}"


def _acts(event: Told) -> bool:
    return event.type != CURSOR or event.body is None


def _kept(world: World, whole: Whole) -> Broken:
    rows = world.watch.rows("inbox", "inbox")
    expected = {f"{TENANT}:{user}:{place}": (user, box) for (user, place), box in whole.boxes.items()}
    for unknown in rows.keys() - expected.keys():
        yield f"law 16: there is a row {unknown} of no record"
    for key, (user, box) in expected.items():
        facet = rows.get(key, {}).get("inbox", {})
        if tuple(facet.get(name) for name in (*SAID, "hidden")) != (*_said(box), len(box.hidden)):
            yield f"law 16: {key} is {facet}, the log says {box}"
        if ("inbox", f"user:{TENANT}:{user}", "user", box.n) not in world.watch.pushed:
            yield f"law 16: {key} was never pushed as {box}"


def _seen(screen: Screen, whole: Whole) -> Broken:
    law = "law 14" if screen.stayed else "law 12"
    lane = whole.lanes.get((screen.user, "user"), [])
    if screen.own != len(lane):
        yield f"{law}: {screen.user} stands at {screen.own} of their own lane, not at {len(lane)}"
    for (user, room), box in whole.boxes.items():
        if user != screen.user:
            continue
        told = screen.boxes.get(room, {})
        told = {**told, "pinned": told.get("pinned") or 0}
        if tuple(told.get(name) for name in SAID) != _said(box):
            yield f"{law}: {user} sees {told} of {room}, not {box}"
        if not set(box.hidden) <= screen.hidden:
            yield f"{law}: {user} was never told that {set(box.hidden) - screen.hidden} are hidden"


def _said(box: Box) -> tuple[object, ...]:
    """The values of `SAID`."""
    return box.n, box.read, box.muted, box.until, box.archived, box.archived_seq, box.keep_archived, box.pinned
