"""Ports has the ports of a node, from which everything else in it is built."""

from dataclasses import dataclass

from core.clock import Clock
from core.health import Health
from core.ports.bus import Bus
from core.ports.documents import Documents
from core.ports.event_log import EventLog
from core.ports.memberships import Memberships
from core.ports.node_registry import NodeRegistry
from core.ports.presence_store import PresenceStore
from core.ports.search_index import SearchIndex
from core.ports.tracer import UNTRACED, Tracer
from projections.generations import Generations


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports that a node reads and writes; their owner runs them, with memberships and generations up to date."""

    log: EventLog
    documents: Documents
    generations: Generations
    index: SearchIndex
    bus: Bus
    presence: NodeRegistry
    people: PresenceStore
    memberships: Memberships
    clock: Clock
    health: Health
    tracer: Tracer = UNTRACED
