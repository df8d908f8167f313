"""Check bounds of membership intervals: messages sent before a command are before the bound that it sets."""

from bisect import bisect_right
from collections.abc import Iterator

from schemas.commands.conversation import AddParticipants, LeaveConversation, RemoveParticipants
from tests.simulation.history import History
from tests.simulation.world import World

Broken = Iterator[str]
SETS_READ_BOUNDS = (AddParticipants, RemoveParticipants, LeaveConversation)


def edges(world: World, history: History) -> Broken:
    """Law 17: every message in the log when a command added or removed users, so every message acknowledged by then on
    any node, is before the bound of these users' intervals.
    """
    first: dict[str, int] = {}
    rooms: dict[str, str] = {}
    for asked in world.asked:
        if isinstance(asked.command, SETS_READ_BOUNDS) and asked.event_id in history.first:
            first[asked.event_id] = min(asked.asked, first.get(asked.event_id, asked.asked))
            rooms[asked.event_id] = asked.command.conversation_id
    for event_id, key in rooms.items():
        said = bisect_right(history.says.get(key, []), first[event_id])
        before, after = history.around(key, event_id)
        if before is None or after is None:
            continue
        for user, (_, intervals) in after.members.items():
            begin, end = intervals[-1][0] or 0, intervals[-1][1] or 0
            if after.is_member(user) and not before.is_member(user) and begin <= said:
                yield f"law 17: {event_id} lets {user} read from {begin} on, {said} messages were in {key} before"
            if before.is_member(user) and not after.is_member(user) and end < said:
                yield f"law 17: {event_id} lets {user} read up to {end}, {said} messages were in {key} before"
