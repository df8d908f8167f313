"""The Faust runner runs a processor on Faust: an agent queues events, a second task takes those that came while the
last batch was saved.

So a batch never waits to fill, grows under load by itself, and is acknowledged in order only when it is saved and
emitted; the next one is applied while its effects become durable. An exception in an agent would acknowledge and lose
its event: every error crashes the worker instead, which starts again from its checkpoint.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Collection
from pathlib import Path
from typing import Any, Final

import faust

from core import private_files
from core.health import STARTING, Health
from core.ports.effects import Durable
from core.ports.event_log import EventLog, Received
from core.positions import position
from core.settings import Settings
from schemas.topics import Partition
from streams.log.kafka.groups import group_of
from streams.runtime.gap_filler import GapFiller
from streams.runtime.gate import MAX_EMITTING, Gate
from streams.runtime.lag_watch import LagWatch
from streams.runtime.worker import Worker

MAX_QUEUED: Final = 4096
IDLE_TURNS: Final = 10
HEARTBEAT_S: Final = 1.0
"""Interval of a member's heartbeats, in seconds; a heartbeat's answer announces a rebalance."""


def faust_app(worker: Worker, log: EventLog, settings: Settings, slot: str | None = None) -> faust.App:
    """Return the Faust app of one processor: one app, one consumer group, each batch applied inside the gate. `worker`
    has begun; what Faust skips is read from `log`. `slot` makes its membership static: it must be unique among the
    workers of the processor on all hosts, or two of them fence each other.
    """
    processor = worker.processor
    app = app_of(group_of(processor.name), settings, slot)
    queue: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue(maxsize=MAX_QUEUED)
    emitting: asyncio.Queue[tuple[list[tuple[Any, Any]], Durable]] = asyncio.Queue(MAX_EMITTING)
    topic = app.topic(*processor.topics, key_type=bytes, value_type=bytes, internal=True)
    gate = Gate(worker, lambda: assigned(app, processor.topics))
    gap_filler = GapFiller(gate, worker, log)

    async def receive(stream: Any) -> None:
        async for event in _events(stream):
            await queue.put((stream, event))

    async def work() -> None:
        while True:
            taken = await take(queue, settings.batch)
            records = [received(event.message, log.epoch) for _, event in taken]
            await emitting.put((taken, await gap_filler.begin_batch(records)))

    async def acknowledge() -> None:
        while True:
            taken, durable = await emitting.get()
            await durable()
            for stream, event in taken:
                await stream.ack(event)

    def rebalanced(*_: Any, **__: Any) -> None:
        worker.health.count(f"rebalances_{processor.name}")

    app.on_partitions_assigned.connect(rebalanced, weak=False)
    app.agent(topic, name=f"{processor.name}-receive")(receive)
    app.task(work)
    app.task(acknowledge)
    app.task(_named(gate.watch))
    app.task(_named(LagWatch(worker, log, lambda: assigned(app, processor.topics), worker.health).run))
    app.task(_named(lambda: gap_filler.watch(lambda: assigned(app, processor.topics), queue.empty)))
    return app


def app_of(group: str, settings: Settings, slot: str | None = None) -> faust.App:
    """Return an app without agents, with Faust's own topics, tables, web server and output redirection switched off."""
    datadir = Path(settings.data) / "faust"
    for directory in (datadir.parent, datadir):
        private_files.make_directory(directory)
    return faust.App(
        id=group,
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap.split(",")],
        datadir=datadir,
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=slot,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=min(HEARTBEAT_S, settings.session_timeout_ms / 3000),
        broker_commit_interval=1.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=MAX_QUEUED,
    )


def _named(service: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return a separate function for Faust, which names its tasks by their functions."""

    async def run() -> None:
        await service()

    return run


def assigned(app: faust.App, topics: Collection[str]) -> list[Partition]:
    """Return the partitions of these topics that Faust assigned to this worker in the last rebalance."""
    return [Partition(at.topic, at.partition) for at in app.assignor.assigned_actives() if at.topic in topics]


def _events(stream: Any) -> AsyncIterable[Any]:
    events: AsyncIterable[Any] = stream.noack().events()
    return events


async def take(queue: asyncio.Queue[Any], limit: int) -> list[Any]:
    """Return what is queued or comes within some turns of the loop, at least one and at most `limit`.

    Faust hands events over one at a time, through two tasks each: one turn without an event is not yet the end.
    """
    taken, idle = [await queue.get()], 0
    while len(taken) < limit and idle < IDLE_TURNS:
        if queue.empty():
            idle += 1
            await asyncio.sleep(0)
        else:
            idle = 0
            taken.append(queue.get_nowait())
    return taken


def received(message: Any, epoch: int) -> Received:
    """Return a Faust message as a record."""
    headers = message.headers or ()
    return Received(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        position=position(epoch, message.offset),
        key=message.key,
        value=message.value,
        headers=tuple(headers.items() if isinstance(headers, dict) else headers),
        timestamp_ms=round(message.timestamp * 1000) if message.timestamp else 0,
    )


async def run_faust(app: faust.App, health: Health, check: str | None = None) -> None:
    """Run the app in this event loop until it is cancelled (stops cleanly) or crashes (raises). The check of this name
    (default: the app's id) fails until the app has its partitions.
    """
    check = check or app.conf.id
    host = faust.Worker(
        app, loop=asyncio.get_running_loop(), override_logging=False, redirect_stdouts=False, quiet=True
    )
    host.install_signal_handlers = lambda: None  # the process owns its signals
    host.spinner = None  # it writes control characters, also without a terminal
    health.waits(check, STARTING)
    running = asyncio.create_task(host.start(), name=f"{app.conf.id}-faust")
    ready = asyncio.create_task(_ready(app, health, check), name=f"{app.conf.id}-ready")
    try:
        await asyncio.shield(running)
    finally:
        ready.cancel()
        await host.stop()
    if (reason := host.crash_reason or app.crash_reason) is not None:
        raise reason


async def _ready(app: faust.App, health: Health, check: str) -> None:
    while not app.started or app.rebalancing:  # noqa: ASYNC110 - Faust has no event for it
        await asyncio.sleep(0.1)
    health.goes_on(check)
