"""`caas rebuild NAME`: build a new generation of a read model beside the live one, compare, switch."""

import argparse
import functools
import sys
from collections.abc import Awaitable, Callable

import msgspec

from core.health import Health
from core.settings import Settings
from edge.cli import options
from edge.cli.operator_record import Act, audit_of, recorded
from edge.cli.progress import Bar
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.composition.running import reading
from streams.rebuild.attended import require_worker
from streams.rebuild.rebuild import Refused, Report, rebuild
from streams.rebuild.replay import Fold, ReplayProgress

Work = Callable[[Adapters, Fold, Health, ReplayProgress], Awaitable[Report]]
"""The work on one read model."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `rebuild`."""
    about = "rebuild a read model beside the live one, compare every row, and switch while the system runs"
    parser = verbs.add_parser("rebuild", help=about, description=about, epilog="example: caas rebuild messages --json")
    parser.add_argument("name", metavar="NAME", choices=compose.PROCESSORS, help=", ".join(compose.PROCESSORS))
    parser.add_argument("--accept", metavar="DIGEST", help="accept rows of another processor version with this digest")
    parser.add_argument(
        "--replace",
        metavar="REASON",
        help="switch although the live rows differ from the log, or are lost; give the reason",
    )
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: switched; 1: refused or cancelled, and nothing changed."""

    async def work(found: Adapters, fold: Fold, health: Health, progress: ReplayProgress) -> Report:
        return await rebuild(
            fold,
            found.log,
            found.documents,
            health,
            scratch=compose.scratch_store(),
            progress=progress,
            accept=args.accept,
            replace=args.replace,
            drop_extra=found.index.drop if args.name == "search" else None,
        )

    return switched("rebuild", args, work)


def switched(verb: str, args: argparse.Namespace, work: Work) -> int:
    """Do this work on a read model of the configured system, print the report; return the exit status as `run` does."""
    try:
        act = Act(action=verb, entity_type="read_model", entity_id=args.name, purpose=getattr(args, "replace", None))
        report = options.run(functools.partial(_worked, act, options.existing_system(args), work))
    except Refused as error:
        return options.fail(verb, error)
    sys.stdout.write((msgspec.json.encode(report).decode() if args.json else str(report)) + "\n")
    return 0 if report.outcome == "switched" else 1


async def _worked(act: Act, settings: Settings, work: Work) -> Report:
    health, name = Health(), act.entity_id
    async with (
        reading(settings, health, "rebuild") as found,
        recorded(audit_of(found, settings), settings, act) as attempt,
    ):
        await require_worker(compose.processor(name, found.documents, found.index), found.documents, health)
        with Bar(f"{act.action} {name}", "records") as bar:
            report = await work(
                found, lambda documents: compose.processor(name, documents, found.index), health, bar.show
            )
        if report.outcome != "switched":
            await attempt.failed(report.outcome)
        return report
