"""Folds reactions into the facet `reaction` of a message's row, one for all users, numbered in the lane `reaction`.

`{pos, n, on: [[emoji, [user, …]], …], told: [[id, pos, n, emoji, applied], …], late: [[…, user], …]}`: `on` has
the present reactions, emoji and users in the order of arrival; `told` the first `REACTIONS_KEPT` that were folded;
`late`, only if there were more, the newest of the others.

All reactions of a conversation have one topic and one key, hence one writer and one order: so one facet is enough.
An event in `told` is known permanently: its repeat takes no number. A later event takes a number each time, so that
numbers depend on nothing that is dropped; a repeat of one that is in `late` changes nothing else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.domain.emoji import look
from core.domain.reaction import REACTIONS_KEPT, Reactions, applies, evolve
from core.ports.documents import Facet
from projections.facts import Fact
from schemas import events, topics
from schemas.events import Reacted, upcast
from schemas.wire.views import MessageView, ReactionsView, ReactionView

LANE: Final = "reaction"
KEPT_FIELDS: Final = ("id", "pos", "n", "emoji", "applied")
"""The fields of an entry of `told` and `late`; `applied` is whether it changed the message's reactions."""
LATE_KEPT: Final = 200
"""Maximum number of entries in `late`: the user with the most loses the oldest, so nobody drops others' entries."""
FAMILY: Final = events.TYPE_OF[Reacted].rpartition(".")[0]


def takes(event_type: str) -> bool:
    """Return whether events of this type are folded here: of `user.action` only reactions, of any version."""
    return upcast.topic_of(event_type) != topics.USER_ACTION or event_type.rpartition(".")[0] == FAMILY


def find_event(facet: Facet | None, event_id: str) -> Mapping[str, Any] | None:
    """Return the entry of this event in `told`, where it is kept permanently; None if it has none."""
    return _find(() if facet is None else facet["told"], event_id)


def is_untracked(facet: Facet | None, position: int) -> bool:
    """Return whether a record that is not in `told` was folded nevertheless: it came after `told` was full."""
    return facet is not None and position <= facet["pos"] and len(facet["told"]) >= REACTIONS_KEPT


def was_applied(facet: Facet | None, event_id: str) -> bool:
    """Return whether this folded event changed the message's reactions; True for one that is no longer kept."""
    known = find_event(facet, event_id) or _find(() if facet is None else facet.get("late", ()), event_id)
    return known is None or known["applied"]


def is_same(known: Mapping[str, Any], event: Reacted) -> bool:
    """Return whether a kept reaction has the same emoji as this one."""
    return look(known["emoji"]) == look(event.emoji)


def after(facet: Facet | None, fact: Fact, n: int) -> Facet:
    """Return the facet after one more record; an unreadable one has an entry without effect."""
    before: Facet = {"on": [], "told": []} if facet is None else facet
    told, late = before["told"], before.get("late", [])
    found = {"pos": fact.position, "n": n, "on": before["on"], "told": told} | ({"late": late} if late else {})
    if _find(late, fact.envelope.id) is not None:
        return found
    state, emoji, applied = state_of(facet), "", False
    if isinstance(event := fact.event, Reacted):
        state, emoji, applied = evolve(state, event), event.emoji, applies(state, event)
        found["on"] = [[other, list(users)] for other, users in state.on.items()]
    this = [fact.envelope.id, fact.position, n, emoji, applied]
    if len(told) < REACTIONS_KEPT:
        return found | {"told": [*told, this]}
    return found | {"late": _limited([*late, [*this, fact.envelope.actor]])}


def _find(kept: Iterable[Any], event_id: str) -> Mapping[str, Any] | None:
    return next((dict(zip(KEPT_FIELDS, one, strict=False)) for one in kept if one[0] == event_id), None)


def _limited(late: list[Any]) -> list[Any]:
    """Drop an entry beyond the maximum: the oldest one of the users who have the most."""
    if len(late) <= LATE_KEPT:
        return late
    of_each = Counter(user for *_, user in late)
    most = max(of_each.values())
    dropped = next(place for place, (*_, user) in enumerate(late) if of_each[user] == most)
    return late[:dropped] + late[dropped + 1 :]


def state_of(facet: Facet | None) -> Reactions:
    """Return the state that decisions are made from."""
    if facet is None:
        return Reactions()
    return Reactions({emoji: tuple(users) for emoji, users in facet["on"]}, len(facet["told"]))


def emoji_by_event(facet: Facet | None) -> Mapping[str, str]:
    """Return the emoji of each kept reaction, by the id of its event."""
    return {} if facet is None else {one[0]: one[3] for one in (*facet["told"], *facet.get("late", ()))}


def shown(row: Mapping[str, Any]) -> list[ReactionView]:
    """Return the reactions of a message that is not deleted."""
    facet: Facet | None = row.get(LANE)
    return [] if facet is None else [ReactionView(emoji=emoji, users=list(users)) for emoji, users in facet["on"]]


def push_view(lane: str, view: MessageView) -> MessageView | ReactionsView:
    """Return the view of a message that a push of this lane has."""
    if lane != LANE:
        return view
    return ReactionsView(
        conversation_id=view.conversation_id, message_id=view.message_id, seq=view.seq, reactions=view.reactions
    )
