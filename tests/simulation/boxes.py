"""Check inboxes: numbered in the user lane, equal to the log, and shown by the user's client."""

from collections.abc import Iterator

from tests.simulation.fold import CURSOR, Box, LogEvent, Whole
from tests.simulation.screens import Screen
from tests.simulation.users import TENANT
from tests.simulation.world import World

Broken = Iterator[str]
SAID = ("n", "read", "muted", "muted_until", "archived", "archived_seq", "keep_archived", "pinned")
"""The fields of an inbox row, and of a push of it."""


def boxes(world: World, whole: Whole) -> Broken:
    """Law 16: the user lane is numbered like any other; its rows equal the log, and so does the user's client."""
    yield from _numbered(world, whole)
    yield from _kept(world, whole)
    for screen in world.screens.values():
        yield from _seen(screen, whole)


def _numbered(world: World, whole: Whole) -> Broken:
    heads, acts = world.watch.rows("inbox", "heads"), world.watch.rows("inbox", "acts")
    for (user, lane), events in whole.lanes.items():
        if lane != "user":
            continue
        head = heads.get(f"{TENANT}:{user}", {}).get("user", {"pos": -1, "n": 0})
        if (head["pos"], head["n"]) != (events[-1].position, len(events)):
            yield f"law 16: the head of {user} is {head}, not {len(events)} at {events[-1].position}"
        for n, event in enumerate(events, start=1):
            act = acts.get(event.id, {}).get("act", {})
            if _acts(event) and act.get("n") != n:
                yield f"law 16: {event} is {act}, not number {n}"


def _acts(event: LogEvent) -> bool:
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
        yield f"{law}: {screen.user} is at {screen.own} of the user lane, not at {len(lane)}"
    for (user, room), box in whole.boxes.items():
        if user != screen.user:
            continue
        client_view = screen.boxes.get(room, {})
        client_view = {**client_view, "pinned": client_view.get("pinned") or 0}
        if tuple(client_view.get(name) for name in SAID) != _said(box):
            yield f"{law}: {user} sees {client_view} of {room}, not {box}"
        if not set(box.hidden) <= screen.hidden:
            yield f"{law}: {user} was never notified that {set(box.hidden) - screen.hidden} are hidden"


def _said(box: Box) -> tuple[object, ...]:
    """The values of `SAID`."""
    return box.n, box.read, box.muted, box.until, box.archived, box.archived_seq, box.keep_archived, box.pinned
