"""Check public read cursors: others see only public reads, and only in shared conversations."""

from collections.abc import Iterator

from tests.simulation.fold import CURSOR, Whole
from tests.simulation.world import World


def cursors(world: World, whole: Whole) -> Iterator[str]:
    """Law 19: a cursor is at its member's last public read, and only present or former members are shown it."""
    public: dict[tuple[str, str], int] = {}
    for (user, lane), events in whole.lanes.items():
        for event in events if lane == "user" else ():
            if event.type == CURSOR and event.body is not None and not event.body.get("private"):
                place = event.body["conversation_id"], user
                public[place] = max(event.body["seq"], public.get(place, 0))
    for (room, user), seq in public.items():
        kept = world.watch.rows("receipts", "receipts").get(f"{room}:{user}:", {}).get("read", {"seq": 0})["seq"]
        if kept != seq:
            yield f"law 19: {user} has read {room} up to {seq} in public, and the row says {kept}"
    for screen in world.screens.values():
        for (room, user), seq in screen.cursors.items():
            if seq > public.get((room, user), 0):
                yield f"law 19: {screen.user} is shown that {user} has read {room} up to {seq}"
            members = () if (found := whole.rooms.get(room)) is None else found.members
            if screen.user not in members:
                yield f"law 19: {screen.user} is shown a cursor of {room}"
