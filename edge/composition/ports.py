"""The ports of a node, and where it is: what everything is made of that a node does."""

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
from projections.generations import Generations


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a node reads and writes; others own all of it, and make memberships and generations follow."""

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
