"""Builds facts as from the log, for tests of folds."""

import random
from collections.abc import Iterable
from typing import Any

from core.ports.documents import Write
from core.positions import position
from projections.facts import Fact
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, Event
from tests.given import AT, CORRELATION, ROOM, TENANT


def fact(topic: str, offset: int, event: Event, event_id: str = "", *, actor: str = "bob", epoch: int = 1) -> Fact:
    envelope = Envelope(
        id=event_id or getattr(event, "message_id", ""),
        type=TYPE_OF[type(event)],
        source="/caas/edge/test",
        time=AT,
        subject=ROOM,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor=actor,
    )
    return Fact(topic, position(epoch, offset), envelope, event)


def unreadable(topic: str, offset: int, event_id: str) -> Fact:
    envelope = Envelope(
        id=event_id,
        type="caas.message.sent.v9",
        source="/caas/edge/test",
        time=AT,
        subject=ROOM,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor="bob",
    )
    return Fact(topic, position(1, offset), envelope, None)


def keep(rows: dict[str, Any], writes: Iterable[Write]) -> None:
    """Do what a store does with these: a facet replaces an older one."""
    for write in writes:
        row = rows.setdefault(write.id, {"_id": write.id, **write.fixed})
        for name, facet in write.facets.items():
            if name not in row or row[name]["pos"] < facet["pos"]:
                row[name] = facet


def fold_in_parts(store: Any, facts: list[Fact], chance: random.Random) -> None:
    """Fold batches cut anywhere; some stop after a number of their three saves, and may overlap earlier ones."""
    done = 0
    while done < len(facts):
        begin, end = chance.randint(0, done), chance.randint(done + 1, len(facts))
        upto = chance.choice([0, 1, 2, 3, 3])
        store.fold(*facts[begin:end], upto=upto)
        done = end if upto == 3 else done
