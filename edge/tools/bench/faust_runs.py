"""Runs a processor on Faust, or a bare agent that only acknowledges, over existing records.

`python -m edge.tools.bench.faust_runs SPEC` joins a new group, prints the speed and leaves; or works until SIGTERM.
"""

import asyncio
import secrets
from typing import Any

import faust

from core import settings
from core.health import Health
from core.settings import Settings
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.process.stopping import on_signals
from edge.tools.bench import spec
from edge.tools.bench.filled import Filled
from edge.tools.bench.renamed_processor import RenamedProcessor, end_offsets_of, make_live
from edge.tools.bench.spec import FaustRun
from edge.tools.bench.speed import watched
from schemas.topics import Partition
from streams.log.kafka.groups import group_of, rewind_group
from streams.processors.messages import Messages
from streams.runtime.faust_runner import app_of, faust_app, run_faust
from streams.runtime.worker import Worker


async def ours(run: FaustRun, found: Adapters, known: Settings) -> float:
    """Return the speed of the `messages` processor."""
    generation = 1_000 + secrets.randbelow(1 << 30)
    worker, app = await _app(found, known, generation, Filled.of(run.records).start)
    first = sum(Filled.of(run.records).start.values())
    work = run_faust(app, Health())
    return await watched(work, lambda: max(0, sum(worker.next.values()) - first), run.records.total, run.seconds)


async def _app(
    found: Adapters, known: Settings, generation: int, start: dict[Partition, int]
) -> tuple[Worker, faust.App]:
    health = Health()
    processor = RenamedProcessor(Messages(found.documents), f"bench-messages-{secrets.token_hex(4)}")
    await make_live(processor, generation, found.log, found.documents, start)
    worker = Worker(processor, found.documents, compose.emitter("messages", found, health), health)
    saved = await worker.begin(generation, found.log.epoch)
    await rewind_group(known.kafka_bootstrap, group_of(processor.name), saved)
    return worker, faust_app(worker, found.log, known)


async def live(found: Adapters, known: Settings) -> None:
    """Run the `messages` processor for a node until SIGTERM; print a line when it has its partitions."""
    asked = on_signals()
    start = await end_offsets_of(Messages(found.documents), found.log)
    _, app = await _app(found, known, 1, start)
    work = asyncio.create_task(run_faust(app, Health()), name="faust")
    while not app.started or app.rebalancing or not app.assignor.assigned_actives():  # noqa: ASYNC110 - Faust has no event
        await asyncio.sleep(0.1)
    spec.say({"ready": True})
    await asked.wait()
    work.cancel()
    await asyncio.wait([work])


async def bare(run: FaustRun, known: Settings) -> float:
    """Return the speed of an agent that acknowledges each event and does nothing else."""
    name = f"bench-bare-{secrets.token_hex(4)}"
    await rewind_group(known.kafka_bootstrap, name, Filled.of(run.records).start)
    app = app_of(name, known)
    topics = Messages.topics
    count = 0

    async def receive(stream: Any) -> None:
        nonlocal count
        async for _ in stream.events():
            count += 1

    app.agent(app.topic(*topics, key_type=bytes, value_type=bytes, internal=True), name="bare")(receive)
    return await watched(run_faust(app, Health()), lambda: count, run.records.total, run.seconds)


async def main(run: FaustRun) -> None:
    """Run it and print its speed."""
    known = settings.load()
    async with compose.opened(compose.adapters(known, "caas-bench")) as found:
        if run.way == "live":
            await live(found, known)
        else:
            per_s = await (ours(run, found, known) if run.way == "ours" else bare(run, known))
            spec.say({"per_s": per_s})


if __name__ == "__main__":
    asyncio.run(main(spec.given(FaustRun)))
