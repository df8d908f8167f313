"""Build a node from its ports, for the composition root and for simulations."""

import os
from collections.abc import Callable, Iterator
from typing import Final

from core.commands.command_handler import CommandHandler
from core.commands.join_policy import JoinPolicy
from core.rate_limit import Rate
from core.settings import TENANT
from edge.composition.ports import Ports
from edge.socket.commands.backlog import Backlog, BacklogLimits
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
from edge.socket.session.audit_trail import AuditTrail
from projections.inbox.pinned import InboxReader
from projections.messages.delivery_stage import DeliveryStageReader
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
from schemas.bounds import COMMANDS_BURST, COMMANDS_PER_S
from streams.audit.log_audit import LogAudit
from streams.runtime.effects import LiveEmitter

TTL_HEARTBEATS: Final = 1.5
DEFAULT: Final = Rate(COMMANDS_PER_S, COMMANDS_BURST)


def _random_hex() -> Iterator[str]:
    """Yield 128 random bits as hexadecimal digits, without a system call for each: it gives the interpreter lock away,
    and the event loop waits until it has it back.
    """
    while True:
        pool = os.urandom(16 * 256).hex()
        yield from (pool[at : at + 32] for at in range(0, len(pool), 32))


_RANDOM_HEX: Final = _random_hex()


def random_id() -> str:
    """Return a random UUID (version 4), in a tenth of the time of `uuid.uuid4`. Call it on one thread."""
    h = next(_RANDOM_HEX)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"


def source_of(name: str) -> str:
    """Return the source in the records of a node."""
    return f"/caas/edge/{name}"


def node_of(
    name: str,
    ports: Ports,
    *,
    heartbeat_ms: int,
    pace: Rate = DEFAULT,
    quotas: UserQuotas | None = None,
    backlog_limits: BacklogLimits | None = None,
    new_id: Callable[[], str] = random_id,
    tenant: str = TENANT,
) -> Node:
    """Return a node over these ports, which must be started; its `name` is unique among the live nodes.

    Without `quotas` only the number of members of groups is limited. `tenant` is that of refused logins.
    """
    quotas = quotas or UserQuotas(ports.health)
    progress = Progress(ports.documents, ports.generations, ports.log)
    trust = StoreTrust(ports.documents, ports.generations, progress, ports.health)
    activity = Activity(ports.documents, ports.generations)
    memberships, lanes = ports.memberships, Lanes(ports.documents, ports.generations, trust, activity)
    reader = MessageReader(ports.documents, ports.generations, ports.log)
    waits = PendingWaits(memberships, DeliveryStageReader(ports.documents, ports.generations))
    backlog = Backlog(progress, ports.health, backlog_limits)
    commands = _commands(name, ports, reader, waits, quotas.join_policy, backlog=backlog)
    delivering = _delivering(name, ports, reader, commands)
    people = _people(name, ports, heartbeat_ms / 1000, new_id)
    return Node(
        name,
        commands=commands,
        waits=waits,
        query_dispatch=_query_dispatch(ports, lanes, reader, people, progress, activity=activity),
        signals=_signals(ports, people, delivering, commands),
        memberships=memberships,
        lanes=lanes,
        bus=ports.bus,
        registration=NodeRegistration(ports.presence, name, heartbeat_ms / 1000 * TTL_HEARTBEATS, ports.health),
        health=ports.health,
        new_id=new_id,
        heartbeat_ms=heartbeat_ms,
        pace=pace,
        quotas=quotas,
        tracer=ports.tracer,
        audit=AuditTrail(LogAudit(ports.log, ports.clock, source_of(name), new_id), ports.health, tenant, new_id),
    )


def _commands(
    name: str, ports: Ports, reader: MessageReader, waits: PendingWaits, join_policy: JoinPolicy, *, backlog: Backlog
) -> CommandExecutor:
    inboxes = InboxReader(ports.documents, ports.generations, ports.log)
    handler = CommandHandler(ports.memberships, reader, inboxes, source_of(name), join_policy)
    return CommandExecutor(
        handler=handler,
        log=ports.log,
        clock=ports.clock,
        health=ports.health,
        waits=waits,
        backlog=backlog,
        tracer=ports.tracer,
    )


def _delivering(name: str, ports: Ports, reader: MessageReader, commands: CommandExecutor) -> DeliveryReceipts:
    return DeliveryReceipts(
        reader=reader,
        log=ports.log,
        clock=ports.clock,
        source=source_of(name),
        commands=commands,
    )


def _query_dispatch(
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
    history = History(queries.require_ever_member, ports.memberships, reader, lanes, inboxes)
    listed = ConversationList(ports.memberships, inboxes, activity, queries.past_view)
    searching = MessageSearch(
        require_ever_member=queries.require_ever_member,
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
    publisher = PresencePublisher(ports.people, name, ttl_s, clock=ports.clock, health=ports.health, new_id=new_id)
    notifier = PresenceNotifier(
        name,
        people=ports.people,
        presence=ports.presence,
        memberships=ports.memberships,
        clock=ports.clock,
        health=ports.health,
        poll_interval_s=heartbeat_s,
    )
    return PresenceService(ports.people, publisher, notifier, _emitter(ports), ports.clock)


def _signals(ports: Ports, people: PresenceService, delivering: DeliveryReceipts, commands: CommandExecutor) -> Signals:
    return Signals(
        presence=people,
        typing=TypingService(ports.people, _emitter(ports), ports.health),
        cursors=MovedCursors(ports.health),
        delivery_receipts=delivering,
        commands=commands,
        memberships=ports.memberships,
        clock=ports.clock,
    )


def _emitter(ports: Ports) -> LiveEmitter:
    """Return the emitter of the node's hints to other nodes, the same as for a processor's."""
    return LiveEmitter(ports.log, ports.bus, ports.presence, ports.health, "node")
