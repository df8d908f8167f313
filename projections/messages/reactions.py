"""Reactions: the facet `reaction` of a message's row, one for all who react, numbered in the lane `reaction`.

`{pos, n, on: [[emoji, [user, …]], …], told: [[id, pos, n, emoji, applied], …], late: [[…, user], …]}`: `on` is what
is on the message now, both in the order of their coming; `told` has the first `REACTIONS_KEPT` that were folded;
`late`, which is there where more came, the newest of the others.

All reactions of a conversation have one topic and one key, hence one writer and one order: so one facet is right.
What is in `told` is known again permanently: a repeat of it takes no number. What comes later takes a number each time,
so that numbers rest on nothing that is forgotten; where `late` knows it, a repeat changes nothing else.
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
TOLD: Final = ("id", "pos", "n", "emoji", "applied")
"""The fields of a reaction that the facet keeps; `applied` says whether it changed what was on the message."""
LATE_KEPT: Final = 200
"""Maximum of reactions in `late`: whoever has the most there gives way, so that nobody makes it forget the others'."""
FAMILY: Final = events.TYPE_OF[Reacted].rpartition(".")[0]


def takes(event_type: str) -> bool:
    """Whether events of this type count here: of `user.action` only reactions, in whatever version."""
    return upcast.topic_of(event_type) != topics.USER_ACTION or event_type.rpartition(".")[0] == FAMILY


def told_in(facet: Facet | None, event_id: str) -> Mapping[str, Any] | None:
    """Where this event stands in the facet, if it is kept there permanently."""
    return _named(() if facet is None else facet["told"], event_id)


def beyond(facet: Facet | None, position: int) -> bool:
    """Whether a record that is not in `told` was folded all the same: it came later."""
    return facet is not None and position <= facet["pos"] and len(facet["told"]) >= REACTIONS_KEPT


def heeded(facet: Facet | None, event_id: str) -> bool:
    """Whether this reaction, which was folded, changed what was on the message; also said of one that is forgotten."""
    known = told_in(facet, event_id) or _named(() if facet is None else facet.get("late", ()), event_id)
    return known is None or known["applied"]


def alike(told: Mapping[str, Any], event: Reacted) -> bool:
    """Whether a reaction that is kept said the same."""
    return look(told["emoji"]) == look(event.emoji)


def after(facet: Facet | None, fact: Fact, n: int) -> Facet:
    """The facet after one more record; an unreadable one stands there too and says nothing."""
    before: Facet = {"on": [], "told": []} if facet is None else facet
    told, late = before["told"], before.get("late", [])
    found = {"pos": fact.position, "n": n, "on": before["on"], "told": told} | ({"late": late} if late else {})
    if _named(late, fact.envelope.id) is not None:
        return found
    state, emoji, applied = state_of(facet), "", False
    if isinstance(event := fact.event, Reacted):
        state, emoji, applied = evolve(state, event), event.emoji, applies(state, event)
        found["on"] = [[other, list(users)] for other, users in state.on.items()]
    this = [fact.envelope.id, fact.position, n, emoji, applied]
    if len(told) < REACTIONS_KEPT:
        return found | {"told": [*told, this]}
    return found | {"late": _newest([*late, [*this, fact.envelope.actor]])}


def _named(kept: Iterable[Any], event_id: str) -> Mapping[str, Any] | None:
    return next((dict(zip(TOLD, one, strict=False)) for one in kept if one[0] == event_id), None)


def _newest(late: list[Any]) -> list[Any]:
    """As many as are kept: the oldest goes of whoever has the most, and of several the one that came first."""
    if len(late) <= LATE_KEPT:
        return late
    of_each = Counter(user for *_, user in late)
    most = max(of_each.values())
    gone = next(place for place, (*_, user) in enumerate(late) if of_each[user] == most)
    return late[:gone] + late[gone + 1 :]


def state_of(facet: Facet | None) -> Reactions:
    """What decisions are made from."""
    if facet is None:
        return Reactions()
    return Reactions({emoji: tuple(users) for emoji, users in facet["on"]}, len(facet["told"]))


def folded(facet: Facet | None) -> Mapping[str, str]:
    """The emoji of each reaction that is kept, by the id of its event."""
    return {} if facet is None else {one[0]: one[3] for one in (*facet["told"], *facet.get("late", ()))}


def shown(row: Mapping[str, Any]) -> list[ReactionView]:
    """What is on a message that is not deleted."""
    facet: Facet | None = row.get(LANE)
    return [] if facet is None else [ReactionView(emoji=emoji, users=list(users)) for emoji, users in facet["on"]]


def pushed(lane: str, view: MessageView) -> MessageView | ReactionsView:
    """What a push of this lane says of a message."""
    if lane != LANE:
        return view
    return ReactionsView(
        conversation_id=view.conversation_id, message_id=view.message_id, seq=view.seq, reactions=view.reactions
    )
