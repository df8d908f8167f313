"""`caas worker [NAME…]`: run stream processors on the real servers, each a Faust app with a separate consumer group."""

import argparse
import functools
import logging
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

from structlog.contextvars import bind_contextvars

from core.health import Health
from core.settings import Settings, require_stack
from edge.cli import options
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.composition.kafka import free_slot, group_of, leave_group, rewind_group
from edge.composition.log_level import LogLevel
from edge.composition.probes import probes_of, probing
from edge.composition.running import live_generation, one_plain
from edge.composition.serving import health_site
from edge.composition.telemetry import telemetry
from edge.composition.upkeep import upkeep
from edge.process.announce import announced
from edge.process.background import background
from edge.process.listening import CannotListen
from edge.process.secrets_file import filled
from edge.process.stopping import on_signals, until
from schemas.topics import partitions
from streams.runtime.batch_journal import BatchJournal
from streams.runtime.faust_runner import faust_app, run_faust
from streams.runtime.lineage import check_processor
from streams.runtime.versions import report_versions
from streams.runtime.worker import StoreBehindLog, Worker

logger: Final = logging.getLogger("caas.worker")


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `worker`."""
    about = "run stream processors on the real servers"
    example = "example: caas worker messages --slot 1 --health-port 3101"
    parser = verbs.add_parser("worker", help=about, description=about, epilog=example)
    names = ", ".join(compose.PROCESSORS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {names} (default: all)")
    parser.add_argument(
        "--runner", choices=("faust", "plain"), default="faust", help="plain reads all partitions alone"
    )
    parser.add_argument(
        "--slot",
        help="names this worker among those of its processor on all hosts: a restart takes its place at once "
        "(default: the lowest free one of this host and CAAS_DATA)",
    )
    parser.add_argument(
        "--health-port",
        type=options.port,
        metavar="N",
        help="serve /livez, /readyz, /health, /metrics, and `caas log-level` on this port",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: stopped by a signal; 1: a worker crashed, or its log is older than its store; 2: no such processor."""
    unknown = sorted(set(args.names) - set(compose.PROCESSORS))
    if unknown:
        sys.stderr.write(f"caas worker: there is no processor {', '.join(unknown)}\n")
        return 2
    found = options.settings_of(args)
    require_stack(found)
    main = functools.partial(work, filled(found), args)
    return options.run_or_fail("worker", main, *options.ASTRAY, CannotListen, fast=args.runner == "plain")


async def work(settings: Settings, args: argparse.Namespace) -> None:
    """Run the named processors until a signal. Health is served from the start."""
    health, asked, names = Health(), on_signals(), tuple(args.names or compose.PROCESSORS)
    health.expects(*names)
    log_level = LogLevel(settings, "worker")
    async with health_site(settings, health, args.health_port, log_level.serve):
        await until(asked, ("worker", _run_processors(settings, args, names, health, log_level)))


async def _run_processors(
    settings: Settings, args: argparse.Namespace, names: tuple[str, ...], health: Health, log_level: LogLevel
) -> None:
    one = one_plain if args.runner == "plain" else functools.partial(one_faust, slot=args.slot)
    needed = frozenset({"log", "documents", *(("index",) if "search" in names else ())})
    async with (
        telemetry(settings, "caas-worker", health) as tracer,
        compose.opened(compose.adapters(settings, "caas-worker", health), health) as opened,
    ):
        found = replace(opened, tracer=tracer)
        journal = BatchJournal(found.documents, health)
        log_level.recorded_in(found.log)
        await report_versions(found.documents, compose.processors(found, names), health)
        tasks = [(f"worker-{name}", one(name, found, settings, health, journal)) for name in names]
        tasks += upkeep(found, settings, health, journal, names)
        if found.known is not None:
            tasks.append(("nodes", found.known.follow()))
        async with announced(health, f"{settings.kafka_bootstrap}: {', '.join(names)}"), background(*tasks):
            await probing(probes_of(found, needed=needed), health)


async def one_faust(
    name: str, found: Adapters, settings: Settings, health: Health, journal: BatchJournal, *, slot: str | None
) -> None:
    """Run one processor on Faust; its group starts from the checkpoints, and its partitions are released at the end."""
    bind_contextvars(processor=name)
    directory = Path(settings.data) / "faust"
    with nullcontext(f"{name}-{slot}") if slot else free_slot(directory, name) as member:
        try:
            await _keep_working(compose.worker(name, found, health, journal), found, settings, member)
        finally:
            await leave_group(settings.kafka_bootstrap, group_of(name), member)


async def _keep_working(worker: Worker, found: Adapters, settings: Settings, member: str) -> None:
    name, health = worker.processor.name, worker.health
    while True:
        generation = await live_generation(name, found, health)
        await check_processor(found.log, found.documents, worker.processor, generation, health)
        saved = await worker.begin(generation, found.log.epoch)
        places = {at: saved.get(at, 0) for at in partitions(*worker.processor.topics)}
        await rewind_group(settings.kafka_bootstrap, group_of(name), places)
        try:
            await run_faust(faust_app(worker, found.log, settings, member), health, name)
        except StoreBehindLog as behind:
            logger.warning("%s starts again from its checkpoints: %s", name, behind)
