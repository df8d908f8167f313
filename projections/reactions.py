"""Reactions: the facet `reaction` of a message's row, one for all who react, numbered in the lane `reaction`.

`{pos, n, on: [[emoji, [user, …]], …], told: [[id, pos, n, emoji, applied], …]}`: `on` is what is on the message now,
both in the order of their coming; `told` is every reaction that was folded, up to `REACTIONS_KEPT`.

All reactions of a conversation have one topic and one key, hence one writer and one order: so one facet is right. What
comes beyond the limit takes its number, moves `pos` and `n`, and is not kept; a repeat of that is not known again.
"""

from collections.abc import Mapping
from typing import Any, Final

from core.domain.reaction import REACTIONS_KEPT, Reactions, applies, evolve
from core.ports.documents import Facet
from projections.facts import Fact
from schemas import events, topics, upcast
from schemas.events import Reacted
from schemas.views import MessageView, ReactionsView, ReactionView

LANE: Final = "reaction"
TOLD: Final = ("id", "pos", "n", "emoji", "applied")
"""The fields of a reaction that the facet keeps; `applied` says whether it changed what was on the message."""
FAMILY: Final = events.TYPE_OF[Reacted].rpartition(".")[0]


def takes(event_type: str) -> bool:
    """Whether events of this type count here: of `user.action` only reactions, in whatever version."""
    return upcast.topic_of(event_type) != topics.USER_ACTION or event_type.rpartition(".")[0] == FAMILY


def told_in(facet: Facet | None, event_id: str) -> Mapping[str, Any] | None:
    """Where this event stands in the facet, if it is kept there."""
    kept = () if facet is None else facet["told"]
    return next((dict(zip(TOLD, one, strict=True)) for one in kept if one[0] == event_id), None)


def beyond(facet: Facet | None, position: int) -> bool:
    """Whether a record that is not kept was folded all the same: it came when the facet was full."""
    return facet is not None and position <= facet["pos"] and len(facet["told"]) >= REACTIONS_KEPT


def after(facet: Facet | None, fact: Fact, n: int) -> Facet:
    """The facet after one more record; an unreadable one stands there too and says nothing."""
    before: Facet = {"on": [], "told": []} if facet is None else facet
    place = {"pos": fact.position, "n": n}
    if len(before["told"]) >= REACTIONS_KEPT:
        return {**place, "on": before["on"], "told": before["told"]}
    state, emoji, applied = state_of(facet), "", False
    if isinstance(event := fact.event, Reacted):
        state, emoji, applied = evolve(state, event), event.emoji, applies(state, event)
    told = [fact.envelope.id, fact.position, n, emoji, applied]
    on = [[emoji, list(users)] for emoji, users in state.on.items()]
    return {**place, "on": on, "told": [*before["told"], told]}


def state_of(facet: Facet | None) -> Reactions:
    """What decisions are made from."""
    if facet is None:
        return Reactions()
    return Reactions({emoji: tuple(users) for emoji, users in facet["on"]}, len(facet["told"]))


def folded(facet: Facet | None) -> Mapping[str, str]:
    """The emoji of each reaction that is kept, by the id of its event."""
    return {} if facet is None else {one[0]: one[3] for one in facet["told"]}


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
