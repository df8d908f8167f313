"""Puts a node together from its ports: what the composition root and a simulation both call."""

import os
from collections.abc import Callable
from typing import Final

from core.commands.command_handler import CommandHandler
from core.commands.join_policy import JoinPolicy
from core.rate_limit import TokenRate
from edge.composition.ports import Ports
from edge.socket.commands.delivery_receipts import DeliveryReceipts
from edge.socket.commands.executor import CommandExecutor
from edge.socket.commands.query_dispatch import QueryDispatch
from edge.socket.commands.signals import Signals
from edge.socket.commands.user_quotas import UserQuotas
from edge.socket.commands.wait_for import PendingWaits
from edge.socket.delivery.cursors import MovedCursors
from edge.socket.delivery.node_registration import NodeRegistration
from edge.socket.node import Node
from edge.socket.presence.presence_notifier import PresenceNotifier
from edge.socket.presence.presence_publisher import PresencePublisher
from edge.socket.presence.presence_service import PresenceService
from edge.socket.presence.typing_service import TypingService
from projections.inbox.pinned import InboxReader
from projections.messages.delivery_stage import Reached
from projections.messages.reader import MessageReader
from projections.progress import Progress
from projections.queries.activity import Activity
from projections.queries.conversation import ConversationQueries
from projections.queries.conversation_list import ConversationList
from projections.queries.history import History
from projections.queries.inboxes import Inboxes
from projections.queries.lanes import Lanes
from projections.queries.own_writes import OwnWritesRead
from projections.queries.search import MessageSearch
from projections.queries.search_scope import SearchScope
from projections.queries.store_trust import StoreTrust
from projections.receipts.cursors import CursorReader
from streams.runtime.effects import LiveEmitter

TTL_HEARTBEATS: Final = 1.5
DEFAULT: Final = TokenRate()


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
    pace: TokenRate = DEFAULT,
    allowances: UserQuotas | None = None,
    new_id: Callable[[], str] = random_id,
) -> Node:
    """A node over these ports, which must be started; its `name` is unique among the living nodes.

    Without `allowances` nobody is limited but groups in their members.
    """
    allowances = allowances or UserQuotas(ports.health)
    progress = Progress(ports.documents, ports.generations, ports.log)
    trust = StoreTrust(ports.documents, ports.generations, progress, ports.health)
    activity = Activity(ports.documents, ports.generations)
    memberships, lanes = ports.memberships, Lanes(ports.documents, ports.generations, trust, activity)
    reader = MessageReader(ports.documents, ports.generations, ports.log)
    waiting = PendingWaits(memberships, Reached(ports.documents, ports.generations))
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
        standing=NodeRegistration(ports.presence, name, heartbeat_ms / 1000 * TTL_HEARTBEATS, ports.health),
        health=ports.health,
        new_id=new_id,
        heartbeat_ms=heartbeat_ms,
        pace=pace,
        allowances=allowances,
    )


def _commands(
    name: str, ports: Ports, reader: MessageReader, waiting: PendingWaits, letting_in: JoinPolicy
) -> CommandExecutor:
    inboxes = InboxReader(ports.documents, ports.generations, ports.log)
    handler = CommandHandler(ports.memberships, reader, inboxes, source_of(name), letting_in)
    return CommandExecutor(handler=handler, log=ports.log, clock=ports.clock, health=ports.health, waiting=waiting)


def _delivering(name: str, ports: Ports, reader: MessageReader, commands: CommandExecutor) -> DeliveryReceipts:
    return DeliveryReceipts(
        reader=reader,
        log=ports.log,
        clock=ports.clock,
        source=source_of(name),
        commands=commands,
    )


def _answering(
    ports: Ports,
    lanes: Lanes,
    reader: MessageReader,
    people: PresenceService,
    progress: Progress,
    *,
    activity: Activity,
) -> QueryDispatch:
    inboxes = Inboxes(ports.documents, ports.generations, ports.memberships, ports.clock)
    queries = ConversationQueries(
        memberships=ports.memberships,
        lanes=lanes,
        reader=reader,
        inboxes=inboxes,
        cursors=CursorReader(ports.documents, ports.generations),
    )
    history = History(queries.entered, ports.memberships, reader, lanes, inboxes)
    listed = ConversationList(ports.memberships, inboxes, activity, queries.past)
    searching = MessageSearch(
        entered=queries.entered,
        memberships=ports.memberships,
        scope=SearchScope(ports.memberships, lanes, reader),
        reader=reader,
        inboxes=inboxes,
        generations=ports.generations,
        index=ports.index,
    )
    return QueryDispatch(queries, listed, history, searching, people, own=OwnWritesRead(ports.memberships, progress))


def _people(name: str, ports: Ports, heartbeat_s: float, new_id: Callable[[], str]) -> PresenceService:
    ttl_s = heartbeat_s * TTL_HEARTBEATS
    attendance = PresencePublisher(ports.people, name, ttl_s, clock=ports.clock, health=ports.health, new_id=new_id)
    watching = PresenceNotifier(
        name,
        people=ports.people,
        presence=ports.presence,
        memberships=ports.memberships,
        clock=ports.clock,
        health=ports.health,
        look_s=heartbeat_s,
    )
    return PresenceService(ports.people, attendance, watching, _emitter(ports), ports.clock)


def _signals(ports: Ports, people: PresenceService, delivering: DeliveryReceipts, commands: CommandExecutor) -> Signals:
    return Signals(
        people=people,
        typists=TypingService(ports.people, _emitter(ports), ports.health),
        cursors=MovedCursors(ports.health),
        delivering=delivering,
        commands=commands,
        memberships=ports.memberships,
        clock=ports.clock,
    )


def _emitter(ports: Ports) -> LiveEmitter:
    """What a node tells other nodes goes the way of a processor's hints."""
    return LiveEmitter(ports.log, ports.bus, ports.presence, ports.health, "node")
