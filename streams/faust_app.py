"""A processor on Faust: the agent queues events, a second task takes whatever has come while the last batch was saved.

So a batch is never waited for, grows under load by itself, and is acknowledged in order only when it is saved and
emitted. An exception in an agent would acknowledge and lose its event: whatever goes wrong crashes the worker instead,
which starts again from its checkpoint.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

import faust

from core.health import Health
from core.ports.event_log import EventLog, Received
from core.positions import position
from core.settings import Settings
from schemas.topics import Partition
from streams.gate import Gate
from streams.log.kafka_groups import group_of
from streams.worker import StoreBehindLog, Worker

logger: Final = logging.getLogger("caas.faust")
QUEUED: Final = 4096


def faust_app(worker: Worker, log: EventLog, settings: Settings, slot: str | None = None) -> faust.App:
    """The Faust app of one processor: one app, one consumer group, each batch worked inside the gate. `worker` has
    begun; what Faust skips is read from `log`. `slot` makes its membership static: it names this worker among those of
    the processor on all hosts, or two of them fence each other.
    """
    processor = worker.processor
    app = _app(group_of(processor.name), settings, slot)
    queue: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue(maxsize=QUEUED)
    topic = app.topic(*processor.topics, key_type=bytes, value_type=bytes, internal=True)
    gate = Gate(worker, lambda: assigned(app, processor.topics))

    async def receive(stream: Any) -> None:
        async for event in _events(stream):
            await queue.put((stream, event))

    async def work() -> None:
        while True:
            taken = await take(queue, settings.batch)
            await work_whole(gate, worker, log, [received(event.message, log.epoch) for _, event in taken])
            for stream, event in taken:
                await stream.ack(event)

    app.agent(topic, name=f"{processor.name}-receive")(receive)
    app.task(work)
    app.task(_watching(gate))
    return app


def _app(group: str, settings: Settings, slot: str | None) -> faust.App:
    """What Faust may not decide by itself: no topics, no tables, no web server, no hands on our output."""
    datadir = Path(settings.data) / "faust"
    datadir.mkdir(parents=True, exist_ok=True)
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
        broker_heartbeat_interval=settings.session_timeout_ms / 3000,
        broker_commit_interval=1.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=QUEUED,
    )


async def work_whole(gate: Gate, worker: Worker, log: EventLog, records: Sequence[Received]) -> None:
    """Work these records and whatever lies between them and the checkpoints.

    A rebalance at the wrong moment makes Faust go on behind records that it never gave anybody; so does a group that
    stands beyond a store restored from a backup. They are in the log: all is read again from there.
    """
    try:
        await gate.work(records)
    except StoreBehindLog as behind:
        logger.warning("reading again from the log: %s", behind)
    else:
        return
    ends = {record.at(): record.offset + 1 for record in records}
    saved = await worker.saved()
    start = {at: saved.get(at, 0) for at, end in ends.items() if saved.get(at, 0) < end}
    if start:
        async for batch in log.read(start, {at: ends[at] for at in start}):
            await gate.work(batch)


def _watching(gate: Gate) -> Callable[[], Awaitable[None]]:
    async def watch() -> None:
        await gate.watch()

    return watch


def assigned(app: faust.App, topics: Collection[str]) -> list[Partition]:
    """The partitions of these topics that Faust has given this worker, as of the last rebalance."""
    return [Partition(at.topic, at.partition) for at in app.assignor.assigned_actives() if at.topic in topics]


def _events(stream: Any) -> AsyncIterable[Any]:
    events: AsyncIterable[Any] = stream.noack().events()
    return events


async def take(queue: asyncio.Queue[Any], limit: int) -> list[Any]:
    """Everything that is there, at least one and at most `limit`."""
    taken = [await queue.get()]
    while len(taken) < limit and not queue.empty():
        taken.append(queue.get_nowait())
    return taken


def received(message: Any, epoch: int) -> Received:
    """A Faust message as the record it is."""
    headers = message.headers or ()
    return Received(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        position=position(epoch, message.offset),
        key=message.key,
        value=message.value,
        headers=tuple(headers.items() if isinstance(headers, dict) else headers),
        timestamp_ms=int(message.timestamp * 1000) if message.timestamp else 0,
    )


async def run_faust(app: faust.App, health: Health) -> None:
    """Run the app in this event loop until it is cancelled (stops cleanly) or crashes (raises)."""
    host = faust.Worker(
        app, loop=asyncio.get_running_loop(), override_logging=False, redirect_stdouts=False, quiet=True
    )
    host.install_signal_handlers = lambda: None  # the process owns its signals
    health.waits(app.conf.id, "starting")
    running = asyncio.create_task(host.start(), name=f"{app.conf.id}-faust")
    ready = asyncio.create_task(_ready(app, health), name=f"{app.conf.id}-ready")
    try:
        await asyncio.shield(running)
    finally:
        ready.cancel()
        await host.stop()
    if (reason := host.crash_reason or app.crash_reason) is not None:
        raise reason


async def _ready(app: faust.App, health: Health) -> None:
    while not app.started or app.rebalancing:  # noqa: ASYNC110 - Faust has no event for it
        await asyncio.sleep(0.1)
    health.goes_on(app.conf.id)
