"""Check what clients were shown: in order, once, complete for their membership intervals, and nothing else."""

from collections.abc import Iterator
from itertools import pairwise

from schemas.wire.frames import USER
from tests.simulation.fold import Whole
from tests.simulation.rooms import Room, first_read, seen
from tests.simulation.screens import Screen
from tests.simulation.world import World

Broken = Iterator[str]


def ordered(world: World) -> Broken:
    """Law 11: on one connection the pushes of a lane come in order, each once."""
    for screen in world.screens.values():
        lanes: dict[tuple[int, str, str], list[int]] = {}
        for shown in screen.shown:
            if shown.live:
                lanes.setdefault((shown.session, shown.conversation, shown.lane), []).append(shown.n)
        for (session, key, lane), numbers in lanes.items():
            if any(later <= earlier for earlier, later in pairwise(numbers)):
                yield f"law 11: {screen.user} was pushed {numbers} of {lane} of {key} in session {session}"


def complete(world: World, log: Whole) -> Broken:
    """Law 12: a client that synced has all of its intervals, equal to the log; law 14: so has one that did not."""
    for key, room in log.rooms.items():
        for screen in world.screens.values():
            if room is not None and room.is_member(screen.user):
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
    """A client that received every change knows the state of the conversation."""
    changes = {one.n: one.data for one in screen.shown if (one.conversation, one.lane) == (key, "conversation")}
    if set(range(1, room.n + 1)) <= changes.keys():
        client_view, expected = seen(changes[n] for n in sorted(changes)), (room.roles(), room.looks(), room.pins)
        if client_view != expected:
            yield f"law {14 if screen.stayed else 12}: {screen.user} sees {key} as {client_view}, not {expected}"


def reads(room: Room, user: str, seq: int, newest: int = 1 << 53) -> bool:
    """Return whether the user may read a message: in an interval; or sent without knowing that it had ended, by the
    `newest` view on which it, or an earlier message, was decided.
    """
    intervals = room.members[user][1] if user in room.members else []
    return any(
        first_read(interval) <= seq
        and (interval[1] is None or seq <= interval[1] or newest < (interval[2] or 0 if interval[2:] else 0))
        for interval in intervals
    )


def confined(world: World, log: Whole) -> Broken:
    """Law 13: no user is shown a message that they may not read, also if the log had a change unknown to the node."""
    for screen in world.screens.values():
        for shown in screen.shown:
            room = log.rooms.get(shown.conversation)
            if shown.lane in {"conversation", USER} or room is None:
                continue
            seq, views = shown.data["seq"], log.newest.get(shown.conversation, [])
            if seq > len(views) or not reads(room, screen.user, seq, views[seq - 1]):
                yield f"law 13: {screen.user} was shown {shown}, intervals are {room.members.get(screen.user)}"
