"""What people were shown: in order, once, whole for their stays, and nothing beyond them."""

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
        told, is_so = seen(changes[n] for n in sorted(changes)), (room.roles(), room.looks(), room.pins)
        if told != is_so:
            yield f"law {14 if screen.stayed else 12}: {screen.user} was told that {key} is {told}, not {is_so}"


def reads(room: Room, user: str, seq: int, newest: int = 1 << 53) -> bool:
    """Whether a message is one of the user's: of a stay; or of those who did not know yet that it was over, by the
    `newest` view on which it, or one before it, was decided.
    """
    stays = room.members[user][1] if user in room.members else []
    return any(
        first_read(stay) <= seq and (stay[1] is None or seq <= stay[1] or newest < (stay[2] or 0 if stay[2:] else 0))
        for stay in stays
    )


def confined(world: World, log: Whole) -> Broken:
    """Law 13: nobody is shown a message that is not theirs to read: what was shown stays so, whatever came to the log
    before the node knew.
    """
    for screen in world.screens.values():
        for shown in screen.shown:
            room = log.rooms.get(shown.conversation)
            if shown.lane in {"conversation", USER} or room is None:
                continue
            seq, views = shown.data["seq"], log.newest.get(shown.conversation, [])
            if seq > len(views) or not reads(room, screen.user, seq, views[seq - 1]):
                yield f"law 13: {screen.user} was shown {shown}, stays are {room.members.get(screen.user)}"
