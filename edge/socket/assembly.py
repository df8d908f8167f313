"""Puts a node together from its ports: what the composition root and a simulation both call."""

import os
from collections.abc import Callable
from typing import Final

from core.clock import Clock
from core.handle import Handler
from core.health import Health
from core.pace import Pace
from core.ports.documents import Documents
from core.ports.event_log import EventLog
from core.ports.hints import Bus, Cache, Presence
from core.ports.memberships import Memberships
from core.ports.search_index import SearchIndex
from edge.socket.answering import Answering
from edge.socket.commands import Commands
from edge.socket.history import History
from edge.socket.lanes import Lanes
from edge.socket.node import Node
from edge.socket.queries import Queries
from edge.socket.standing import Standing
from projections.generations import Generations
from projections.reader import MessageReader

TTL_HEARTBEATS: Final = 1.5
DEFAULT: Final = Pace()


def random_id() -> str:
    """A random UUID (version 4); a quarter of the time that `uuid.uuid4` takes."""
    h = os.urandom(16).hex()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"


def source_of(name: str) -> str:
    """What the records of a node name as their source."""
    return f"/caas/edge/{name}"


def node_of(
    name: str,
    *,
    log: EventLog,
    documents: Documents,
    generations: Generations,
    index: SearchIndex,
    bus: Bus,
    presence: Presence,
    cache: Cache,
    memberships: Memberships,
    clock: Clock,
    health: Health,
    heartbeat_ms: int,
    pace: Pace = DEFAULT,
    new_id: Callable[[], str] = random_id,
) -> Node:
    """A node over these ports, which must be started; its `name` is unique among the living nodes.

    Whoever owns `memberships` and `generations` (of messages, conversations and search) makes them follow.
    """
    lanes, reader = Lanes(documents, generations), MessageReader(documents, generations, log)
    queries = Queries(
        memberships=memberships,
        lanes=lanes,
        reader=reader,
        generations=generations,
        index=index,
        cache=cache,
        health=health,
    )
    return Node(
        name,
        commands=Commands(handler=Handler(memberships, reader, source_of(name)), log=log, clock=clock, health=health),
        answering=Answering(queries, History(queries.entered, memberships, reader, lanes)),
        memberships=memberships,
        lanes=lanes,
        bus=bus,
        standing=Standing(presence, name, heartbeat_ms / 1000 * TTL_HEARTBEATS, health),
        health=health,
        new_id=new_id,
        heartbeat_ms=heartbeat_ms,
        pace=pace,
    )
