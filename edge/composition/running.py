"""Use a system that may be running: beside its process, or, if none runs, with its processors in this one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from structlog.contextvars import bind_contextvars

from core.health import Health
from core.ports.event_log import AlreadyWriting, EventLog
from core.retry import retry_until_available
from core.settings import Settings
from edge.composition import compose
from edge.composition.compose import Access, Adapters
from edge.composition.upkeep import upkeep
from edge.process.background import background
from projections.generations import read_pointer
from streams.rebuild.replay import Live
from streams.runtime import lag
from streams.runtime.batch_journal import BatchJournal
from streams.runtime.lineage import check_models
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.processor import Processor


@asynccontextmanager
async def reading(settings: Settings, health: Health, beside: Access = "read") -> AsyncIterator[Adapters]:
    """Yield the adapters of a system to read from, while its processors run: on the stack in its workers, embedded in
    the process that holds the directory, and if there is none, here. `beside` is the access to an embedded directory
    that another process holds. Raises `LogMismatch`.
    """
    if settings.adapters == "stack":
        async with compose.opened(compose.adapters(settings, "caas-reader", health), health) as found:
            await check_models(found.log, found.documents, compose.PROCESSORS, health)
            yield found
        return
    async with AsyncExitStack() as stack:
        try:
            found = await stack.enter_async_context(compose.opened(compose.embedded(settings), health))
        except* AlreadyWriting:
            found = await stack.enter_async_context(compose.opened(compose.embedded(settings, beside), health))
            await check_models(found.log, found.documents, compose.PROCESSORS, health)
        else:
            await check_models(found.log, found.documents, compose.PROCESSORS, health)
            await stack.enter_async_context(working(found, settings, health))
        yield found


@asynccontextmanager
async def log_to_read(settings: Settings, health: Health) -> AsyncIterator[EventLog]:
    """Yield the log of a system alone, to read from, whether the system runs or not, and whatever its stores are."""
    if settings.adapters == "stack":
        async with compose.log_alone(settings, "caas-log-reader", health) as log:
            yield log
        return
    log = compose.embedded(settings, "read").log
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


@asynccontextmanager
async def working(found: Adapters, settings: Settings, health: Health) -> AsyncIterator[None]:
    """Run all processors on the plain runner in this process; a crash of one is raised."""
    health.expects(*compose.PROCESSORS)
    journal = BatchJournal(found.documents, health)
    services = [
        (f"worker-{name}", one_plain(name, found, settings, health, journal, shared=True))
        for name in compose.PROCESSORS
    ]
    services += upkeep(found, settings, health, journal, compose.PROCESSORS)
    async with background(*services):
        yield


async def one_plain(
    name: str,
    found: Adapters,
    settings: Settings,
    health: Health,
    journal: BatchJournal | None = None,
    *,
    shared: bool = False,
) -> None:
    """Run one processor on the plain runner in a task of its own, in the live generation; `shared`: the process has
    others, and a node.
    """
    bind_contextvars(processor=name)
    worker, linger_s = compose.worker(name, found, health, journal), compose.LINGER_S.get(name, 0.0)
    rests, limit = (compose.RESTS, compose.RESTING_BATCH) if shared and linger_s else (0.0, settings.batch)
    runner = PlainRunner(
        worker, found.log, found.documents, health, min(limit, settings.batch), linger_s=linger_s, rests=rests
    )
    generation = await live_generation(name, found, health)
    health.goes_on(name)
    await runner.run(generation)


async def live_generation(name: str, found: Adapters, health: Health) -> int:
    """Return the live generation of a read model, waiting for a store that is down."""
    pointer = await retry_until_available(f"{name}: pointer", lambda: read_pointer(found.documents, name), health)
    return pointer.live


async def caught_up(
    found: Adapters, names: Sequence[str], health: Health, progress: lag.ProgressCallback = lag.no_progress
) -> None:
    """Return when the live generations of these read models have passed the current ends of the log.

    Raises `ReadModelStalled`.
    """
    for name in names:
        await _caught_up(compose.processor(name, found.documents, found.index), found, health, progress)


async def _caught_up(processor: Processor, found: Adapters, health: Health, progress: lag.ProgressCallback) -> None:
    async def live() -> Live:
        generation = await live_generation(processor.name, found, health)
        return Live(processor, found.log, found.documents, health, generation)

    async def offsets() -> lag.Offsets:
        return await (await live()).offsets()

    await lag.wait_until_caught_up(processor.name, offsets, (await live()).ends, progress)
