"""Check paging through history: users find all messages of their intervals, equal to the log."""

from collections.abc import Iterator

from tests.simulation.fold import Whole
from tests.simulation.sights import reads
from tests.simulation.world import World


def pages(world: World, log: Whole) -> Iterator[str]:
    """Law 15: a user who pages through a conversation finds the messages of their intervals, each once, in the current
    state, except those they have hidden.
    """
    for (user, key), (forth, back) in world.paged.items():
        sent, room = log.lanes.get((key, "sent"), []), log.rooms[key]
        hidden = log.boxes[user, key].hidden if (user, key) in log.boxes else []
        mine = [
            n
            for n in range(1, len(sent) + 1)
            if room is not None and reads(room, user, n, log.newest[key][n - 1]) and sent[n - 1].row not in hidden
        ]
        for way, views in (("forth", forth), ("back", back)):
            if [view.seq for view in views] != mine:
                yield f"law 15: {user} finds {[view.seq for view in views]} of {key} going {way}, not {mine}"
                continue
            for view in views:
                said = log.said[sent[view.seq - 1].row]
                if (view.text, view.deleted) != (said.text, said.withdrawn):
                    yield f"law 15: {user} finds {view} going {way}, the log says {said.text!r}"
