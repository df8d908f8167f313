"""Where stays begin and end: what was said before somebody asked lies before the edge that they set."""

from bisect import bisect_right
from collections.abc import Iterator

from schemas.commands import AddParticipants, LeaveConversation, RemoveParticipants
from tests.simulation.history import History
from tests.simulation.world import World

Broken = Iterator[str]
SETS_AN_EDGE = (AddParticipants, RemoveParticipants, LeaveConversation)


def edges(world: World, history: History) -> Broken:
    """Law 17: every message that was in the log when somebody asked to let people in or out, so all that was
    acknowledged by then on whichever node, lies before the edge of these people's stays.
    """
    first: dict[str, int] = {}
    rooms: dict[str, str] = {}
    for asked in world.asked:
        if isinstance(asked.command, SETS_AN_EDGE) and asked.event_id in history.first:
            first[asked.event_id] = min(asked.asked, first.get(asked.event_id, asked.asked))
            rooms[asked.event_id] = asked.command.conversation_id
    for event_id, key in rooms.items():
        said = bisect_right(history.says.get(key, []), first[event_id])
        before, after = history.around(key, event_id)
        if before is None or after is None:
            continue
        for user, (_, stays) in after.members.items():
            begin, end = stays[-1][0] or 0, stays[-1][1] or 0
            if after.holds(user) and not before.holds(user) and begin <= said:
                yield f"law 17: {event_id} lets {user} read from {begin} on, {said} messages were in {key} before"
            if before.holds(user) and not after.holds(user) and end < said:
                yield f"law 17: {event_id} lets {user} read up to {end}, {said} messages were in {key} before"
