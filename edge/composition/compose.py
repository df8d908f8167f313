"""Choose the adapters behind the ports, and build processors and workers on them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from core.damage import Damage
from core.health import Health
from core.ports.bus import Bus
from core.ports.cache import Cache
from core.ports.documents import Documents
from core.ports.effects import Emitter
from core.ports.event_log import EventLog
from core.ports.limits import Limits
from core.ports.node_registry import NodeRegistry
from core.ports.presence_store import PresenceStore
from core.ports.search_index import SearchIndex
from core.ports.tracer import UNTRACED, Tracer
from core.settings import Settings
from edge.process import data_directory
from edge.process.background import background
from projections.ephemeral.in_process import InProcessBus, InProcessCache, InProcessNodeRegistry
from projections.ephemeral.in_process_presence import InProcessPresenceStore
from projections.ephemeral.known_nodes import KnownNodes
from projections.ephemeral.limits import InProcessLimits
from projections.search.fts import FtsIndex
from projections.search.memory import MemorySearchIndex
from projections.stores.memory import MemoryDocuments
from projections.stores.sqlite import SqliteDocuments
from projections.trace.applications import Reader
from streams.log.sqlite.log import SqliteLog
from streams.processors.audit import Audit
from streams.processors.audit_events import AuditEvents
from streams.processors.conversations import Conversations
from streams.processors.inbox import Inbox
from streams.processors.messages import Messages
from streams.processors.receipts import Receipts
from streams.processors.search import Search
from streams.processors.trace import Trace
from streams.runtime.batch_journal import BatchJournal
from streams.runtime.effects import LiveEmitter
from streams.runtime.processor import Processor
from streams.runtime.recent_pushes import RecentPushes
from streams.runtime.save_behind import SaveBehind
from streams.runtime.traced_emitter import TracedEmitter
from streams.runtime.worker import Worker

Access = Literal["whole", "read", "rebuild"]
"""How an embedded directory is opened: as the system itself; or beside its process, to read, or to rebuild, which
writes read models and reads the log.
"""


@dataclass(frozen=True, slots=True)
class Adapters:
    """One set of adapters behind the ports."""

    log: EventLog
    documents: Documents
    index: SearchIndex
    bus: Bus
    presence: NodeRegistry
    people: PresenceStore
    cache: Cache
    limits: Limits
    damage: Damage = field(default_factory=Damage)
    known: KnownNodes | None = None
    """What a worker's process knows of `presence`, if that is another process; `follow` must run in a worker."""
    beside: bool = False
    """Whether another process holds the embedded directory, and nothing can be appended to its log here."""
    tracer: Tracer = UNTRACED
    saves_behind: bool = False
    """Whether checkpoints are saved behind rows and heads: the store has no transactions, and each save is a way."""


def embedded(settings: Settings, access: Access = "whole") -> Adapters:
    """Return SQLite and in-process adapters: durable, in one directory that is private to its owner."""
    data, damage = Path(settings.data), Damage()
    if access == "whole":
        data_directory.make_private(data)
    return Adapters(
        log=SqliteLog(data / data_directory.LOG, read_only=access != "whole", damage=damage),
        documents=SqliteDocuments(data / data_directory.DOCUMENTS, read_only=access == "read", damage=damage),
        index=FtsIndex(data / data_directory.SEARCH, read_only=access == "read", damage=damage),
        bus=InProcessBus(),
        presence=InProcessNodeRegistry(),
        people=InProcessPresenceStore(),
        cache=InProcessCache(),
        limits=InProcessLimits(),
        damage=damage,
        beside=access != "whole",
    )


def scratch_store() -> Documents:
    """Return a store in memory, for rows that are folded only to be compared."""
    return MemoryDocuments()


def scratch_index() -> SearchIndex:
    """Return a search index in memory, for the same use."""
    return MemorySearchIndex()


def adapters(settings: Settings, client_id: str, health: Health | None = None) -> Adapters:
    """Return the adapters that the settings name; `health` shows what their start waits for."""
    if settings.adapters == "embedded":
        return embedded(settings)
    from edge.composition.stack import stack  # noqa: PLC0415 - an embedded system needs no client libraries

    return stack(settings, client_id, health or Health())


@asynccontextmanager
async def presence(settings: Settings) -> AsyncIterator[NodeRegistry]:
    """Yield the stack's node registry alone; it does not wait for its server."""
    from edge.composition.stack import presence_of  # noqa: PLC0415 - as above

    found = presence_of(settings)
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


@asynccontextmanager
async def log_alone(settings: Settings, client_id: str, health: Health) -> AsyncIterator[EventLog]:
    """Yield the stack's log alone, connected; it waits for its brokers, as `log` in `health`."""
    from edge.composition.stack import log_of  # noqa: PLC0415 - as above

    found = log_of(settings, client_id, health, Damage())
    try:
        await found.start()
        yield found
    finally:
        await found.stop()


_BUILDERS: Final[dict[str, Callable[[Documents, SearchIndex, Health | None], Processor]]] = {
    "messages": lambda documents, *_: Messages(documents),
    "conversations": lambda documents, *_: Conversations(documents),
    "inbox": lambda documents, *_: Inbox(documents),
    "receipts": lambda documents, *_: Receipts(documents),
    "search": Search,
    "audit_events": lambda documents, *_: AuditEvents(documents),
    "audit": lambda documents, *_: Audit(documents),
    "trace": lambda documents, *_: Trace(documents),
}
"""The table of processors; a processor has the name of its read model."""
PROCESSORS: Final = tuple(_BUILDERS)
LINGER_S: Final = {"search": 0.1, "audit_events": 0.05, "audit": 0.05, "trace": 0.1}
"""Seconds between the batches of a processor that nobody waits for, while they are small (see `PlainRunner`)."""
RESTING_BATCH: Final = 50
"""Maximum number of records in a batch of such a processor there: others wait while it computes."""
RESTS: Final = 2.0
"""How many times as long as its batch took such a processor rests where it shares its process with those that somebody
waits for: it lags while there is too much to do, and they do not.
"""

SAVED_WHOLE: Final = frozenset({"search"})
"""The processors whose checkpoint is never saved behind: what they keep beside their rows is compared with it."""


def processor(name: str, documents: Documents, index: SearchIndex, health: Health | None = None) -> Processor:
    """Return the processor of this name; `health` shows what it waits for by itself. Raises `KeyError`."""
    return _BUILDERS[name](documents, index, health)


def processors(found: Adapters, names: Iterable[str] = PROCESSORS) -> list[Processor]:
    """Return the processors of these names over these adapters."""
    return [processor(name, found.documents, found.index) for name in names]


def readers_of(found: Adapters) -> list[Reader]:
    """Return all processors as a trace shows them."""
    return [Reader(one.name, frozenset(one.topics), one.takes) for one in processors(found)]


def emitter(name: str, found: Adapters, health: Health) -> Emitter:
    """Return the emitter of a processor's live effects."""
    if found.known is None:
        made = LiveEmitter(found.log, found.bus, found.presence, health, name)
    else:
        made = LiveEmitter(found.log, found.bus, found.known, health, name, recent=RecentPushes())
        found.known.subscribe(made.resend)
    return made if found.tracer is UNTRACED else TracedEmitter(made, found.tracer)


def worker(name: str, found: Adapters, health: Health, journal: BatchJournal | None = None) -> Worker:
    """Return a live worker of a processor, whose batches are noted in the journal."""
    documents: Documents = found.documents
    if found.saves_behind and name not in SAVED_WHOLE:
        documents = SaveBehind(found.documents, health, name)
    folded, emits = processor(name, documents, found.index, health), emitter(name, found, health)
    return Worker(folded, documents, emits, health, journal=journal, tracer=found.tracer)


@asynccontextmanager
async def opened(found: Adapters, health: Health | None = None) -> AsyncIterator[Adapters]:
    """Yield the adapters, connected; it waits for servers that are down, each a check in `health`. A damaged file ends
    the block with `DataDamaged`, a log that has lost its end with `LogMismatch`, in a group.
    """
    health = health or Health()
    tables = [table for one in processors(found) for table in one.tables]
    hints = (found.bus, found.presence, found.people, found.cache, found.limits)
    servers: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "documents": lambda: found.documents.start(tables),
        "log": found.log.start,
        "index": found.index.start,
    }
    health.expects(*servers)
    try:
        async with asyncio.TaskGroup() as tasks:
            for name, start in servers.items():
                tasks.create_task(_started(name, start, health), name=f"start-{name}")
            for port in hints:
                tasks.create_task(port.start(), name=f"start-{type(port).__name__}")
        async with background(("damage", found.damage.found())):
            yield found
    finally:
        for stop in (found.log.stop, found.index.stop, *(port.stop for port in hints), found.documents.stop):
            await stop()


async def _started(name: str, start: Callable[[], Coroutine[Any, Any, None]], health: Health) -> None:
    await start()
    health.goes_on(name)
