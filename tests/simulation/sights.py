"""What people were shown: in order, once, whole for their stays, and nothing beyond them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from schemas.frames import USER
from tests.simulation.fold import Whole
from tests.simulation.history import History
from tests.simulation.rooms import Room, seen
from tests.simulation.screens import Screen, Shown
from tests.simulation.world import World

Broken = Iterator[str]
BOUND_S = 8.0
"""The documented bound of a removal, and what looking takes."""


def ordered(world: World) -> Broken:
    """Law 11: on one connection the pushes of a lane come in order, each once."""
    for screen in world.screens.values():
        lanes: dict[tuple[int, str, str], list[int]] = {}
        for shown in screen.shown:
            if shown.live:
                lanes.setdefault((shown.visit, shown.conversation, shown.lane), []).append(shown.n)
        for (visit, key, lane), numbers in lanes.items():
            if any(later <= earlier for earlier, later in pairwise(numbers)):
                yield f"law 11: {screen.user} was pushed {numbers} of {lane} of {key} on visit {visit}"


def complete(world: World, log: Whole) -> Broken:
    """Law 12: who asked sync has seen all of their stays, and it says what the log says; law 14: so has who did not."""
    for key, room in log.rooms.items():
        for screen in world.screens.values():
            if room is not None and room.holds(screen.user):
                yield from _missing(screen, key, room, log)
                yield from _otherwise(screen, key, room)


def _missing(screen: Screen, key: str, room: Room, log: Whole) -> Broken:
    seen = {shown.n for shown in screen.shown if (shown.conversation, shown.lane) == (key, "sent")}
    sent = log.lanes.get((key, "sent"), [])
    mine = {n for n in range(1, len(sent) + 1) if reads(room, screen.user, n)}
    law = "law 14" if screen.stayed else "law 12"
    if lost := mine - seen:
        yield f"{law}: {screen.user} never saw messages {sorted(lost)} of {key}"
    for n in sorted(mine & seen):
        message = sent[n - 1].row
        if screen.texts.get(message) != log.said[message].text:
            said = f"{screen.texts.get(message)!r}, not {log.said[message].text!r}"
            yield f"{law}: {screen.user} sees {said} as message {n} of {key} ({message})"
        if screen.on.get(message) != log.said[message].on:
            said = f"{screen.on.get(message)}, not {log.said[message].on}"
            yield f"{law}: {screen.user} sees {said} on message {n} of {key} ({message})"


def _otherwise(screen: Screen, key: str, room: Room) -> Broken:
    """Who was told of every change knows what the conversation is."""
    changes = {one.n: one.data for one in screen.shown if (one.conversation, one.lane) == (key, "conversation")}
    if set(range(1, room.n + 1)) <= changes.keys():
        told, is_so = seen(changes[n] for n in sorted(changes)), (room.roles(), room.shown, room.pins)
        if told != is_so:
            yield f"law {14 if screen.stayed else 12}: {screen.user} was told that {key} is {told}, not {is_so}"


def reads(room: Room, user: str, seq: int) -> bool:
    """Whether a message lies in one of the user's stays."""
    stays = room.members[user][1] if user in room.members else []
    return any((begin or 0) <= seq and (end is None or seq <= end) for begin, end in stays)


def confined(world: World, log: Whole, history: History) -> Broken:
    """Law 13: nobody is shown a message from before their stays, nor, past the bound of a removal, from after."""
    for screen in world.screens.values():
        for shown in screen.shown:
            room = log.rooms.get(shown.conversation)
            if shown.lane in {"conversation", USER} or room is None or reads(room, screen.user, shown.data["seq"]):
                continue
            if not _just_left(world, history, shown, room.members.get(screen.user, ("", []))[1]):
                yield f"law 13: {screen.user} was shown {shown}, stays are {room.members.get(screen.user)}"


def _just_left(world: World, history: History, shown: Shown, stays: Sequence[Sequence[int | None]]) -> bool:
    """Whether the message came after a stay that had ended so short a time ago that a node need not know."""
    late = BOUND_S + 2 * world.weather.long_s
    times = _times(world, history, shown.user, shown.conversation)
    return any(
        until is not None and shown.data["seq"] > until and began <= shown.at <= ended + late
        for (began, ended), (_, until) in zip(times, stays, strict=True)
    )


def _times(world: World, history: History, user: str, key: str) -> list[tuple[float, float]]:
    """When the user's stays began and ended."""
    found, began = list[tuple[float, float]](), None
    for moment, room in history.rooms.get(key, []):
        now = world.ledger.clock[moment - 1] if moment else 0.0
        inside = room is not None and room.holds(user)
        if inside and began is None:
            began = now
        elif not inside and began is not None:
            found.append((began, now))
            began = None
    return found if began is None else [*found, (began, float("inf"))]
