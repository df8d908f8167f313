"""Puts a node together from its ports: what the composition root and a simulation both call."""

import os
from collections.abc import Callable
from typing import Final

from core.handle import Handler
from core.letting_in import LettingIn
from core.pace import Pace
from edge.socket.activity import Activity
from edge.socket.allowances import Allowances
from edge.socket.answering import Answering
from edge.socket.attendance import Attendance
from edge.socket.commands import Commands
from edge.socket.conversation_list import ConversationList
from edge.socket.cursors import MovedCursors
from edge.socket.delivering import Delivering
from edge.socket.history import History
from edge.socket.inboxes import Inboxes
from edge.socket.lanes import Lanes
from edge.socket.node import Node
from edge.socket.own_writes import OwnWritesRead
from edge.socket.people import People
from edge.socket.ports import Ports
from edge.socket.queries import Queries
from edge.socket.search_scope import SearchScope
from edge.socket.searching import Searching
from edge.socket.signals import Signals
from edge.socket.standing import Standing
from edge.socket.store_trust import StoreTrust
from edge.socket.typists import Typists
from edge.socket.waiting import Waiting
from edge.socket.watching import Watching
from projections.cursors import CursorReader
from projections.pinned import InboxReader
from projections.progress import Progress
from projections.reached import Reached
from projections.reader import MessageReader
from streams.effects import LiveEmitter

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
    ports: Ports,
    *,
    heartbeat_ms: int,
    pace: Pace = DEFAULT,
    allowances: Allowances | None = None,
    new_id: Callable[[], str] = random_id,
) -> Node:
    """A node over these ports, which must be started; its `name` is unique among the living nodes.

    Without `allowances` nobody is limited but groups in their members.
    """
    allowances = allowances or Allowances(ports.health)
    progress = Progress(ports.documents, ports.generations, ports.log)
    trust = StoreTrust(ports.documents, ports.generations, progress, ports.health)
    activity = Activity(ports.documents, ports.generations)
    memberships, lanes = ports.memberships, Lanes(ports.documents, ports.generations, trust, activity)
    reader = MessageReader(ports.documents, ports.generations, ports.log)
    waiting = Waiting(memberships, Reached(ports.documents, ports.generations))
    commands = _commands(name, ports, reader, waiting, allowances.letting_in)
    delivering = _delivering(name, ports, reader, commands)
    people = _people(name, ports, heartbeat_ms / 1000, new_id)
    return Node(
        name,
        commands=commands,
        waiting=waiting,
        answering=_answering(ports, lanes, reader, people, progress, activity=activity),
        signals=_signals(ports, people, delivering, commands),
        memberships=memberships,
        lanes=lanes,
        bus=ports.bus,
        standing=Standing(ports.presence, name, heartbeat_ms / 1000 * TTL_HEARTBEATS, ports.health),
        health=ports.health,
        new_id=new_id,
        heartbeat_ms=heartbeat_ms,
        pace=pace,
        allowances=allowances,
    )


def _commands(name: str, ports: Ports, reader: MessageReader, waiting: Waiting, letting_in: LettingIn) -> Commands:
    inboxes = InboxReader(ports.documents, ports.generations, ports.log)
    handler = Handler(ports.memberships, reader, inboxes, source_of(name), letting_in)
    return Commands(handler=handler, log=ports.log, clock=ports.clock, health=ports.health, waiting=waiting)


def _delivering(name: str, ports: Ports, reader: MessageReader, commands: Commands) -> Delivering:
    return Delivering(
        reader=reader,
        log=ports.log,
        clock=ports.clock,
        source=source_of(name),
        commands=commands,
    )


def _answering(
    ports: Ports, lanes: Lanes, reader: MessageReader, people: People, progress: Progress, *, activity: Activity
) -> Answering:
    inboxes = Inboxes(ports.documents, ports.generations, ports.memberships, ports.clock)
    queries = Queries(
        memberships=ports.memberships,
        lanes=lanes,
        reader=reader,
        inboxes=inboxes,
        cursors=CursorReader(ports.documents, ports.generations),
    )
    history = History(queries.entered, ports.memberships, reader, lanes, inboxes)
    listed = ConversationList(ports.memberships, inboxes, activity, queries.past)
    searching = Searching(
        entered=queries.entered,
        memberships=ports.memberships,
        scope=SearchScope(ports.memberships, lanes, reader),
        reader=reader,
        inboxes=inboxes,
        generations=ports.generations,
        index=ports.index,
    )
    return Answering(queries, listed, history, searching, people, own=OwnWritesRead(ports.memberships, progress))


def _people(name: str, ports: Ports, heartbeat_s: float, new_id: Callable[[], str]) -> People:
    ttl_s = heartbeat_s * TTL_HEARTBEATS
    attendance = Attendance(ports.people, name, ttl_s, clock=ports.clock, health=ports.health, new_id=new_id)
    watching = Watching(
        name,
        people=ports.people,
        presence=ports.presence,
        memberships=ports.memberships,
        clock=ports.clock,
        health=ports.health,
        look_s=heartbeat_s,
    )
    return People(ports.people, attendance, watching, _emitter(ports), ports.clock)


def _signals(ports: Ports, people: People, delivering: Delivering, commands: Commands) -> Signals:
    return Signals(
        people=people,
        typists=Typists(ports.people, _emitter(ports), ports.health),
        cursors=MovedCursors(ports.health),
        delivering=delivering,
        commands=commands,
        memberships=ports.memberships,
        clock=ports.clock,
    )


def _emitter(ports: Ports) -> LiveEmitter:
    """What a node tells other nodes goes the way of a processor's hints."""
    return LiveEmitter(ports.log, ports.bus, ports.presence, ports.health, "node")
