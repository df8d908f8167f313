"""`caas rebuild NAME`: build a read model anew beside the live one, compare, switch."""

import argparse
import functools
import sys

import msgspec

from core.health import Health
from core.settings import Settings
from edge import compose
from edge.cli import asking
from edge.cli.progress import Bar
from edge.running import reading
from projections.stores.memory import MemoryDocuments
from streams.rebuild import Refused, Report, rebuild


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `rebuild`."""
    about = "build a read model anew beside the live one, compare every row, and switch while people chat"
    parser = verbs.add_parser("rebuild", help=about, description=about, epilog="example: caas rebuild messages --json")
    parser.add_argument("name", metavar="NAME", choices=compose.PROCESSORS, help=", ".join(compose.PROCESSORS))
    parser.add_argument("--accept", metavar="DIGEST", help="take rows of another processor version with this digest")
    asking.add_data(parser)
    asking.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: switched; 1: refused or called off, and nothing changed."""
    try:
        report = asking.run(functools.partial(run_rebuild, asking.settings_of(args), args.name, args.accept))
    except Refused as error:
        return asking.fail("rebuild", error)
    return told(report, as_json=args.json)


def told(report: Report, *, as_json: bool) -> int:
    """Print how it ended; the exit status."""
    sys.stdout.write((msgspec.json.encode(report).decode() if as_json else str(report)) + "\n")
    return 0 if report.outcome == "switched" else 1


async def run_rebuild(settings: Settings, name: str, accept: str | None) -> Report:
    """Rebuild one read model of the system that the settings name."""
    health = Health()
    async with reading(settings, health, "rebuild") as found:
        with Bar(f"rebuild {name}", "records") as bar:
            return await rebuild(
                lambda documents: compose.processor(name, documents, found.index),
                found.log,
                found.documents,
                health,
                scratch=MemoryDocuments(),
                progress=bar.show,
                accept=accept,
                drop_too=found.index.drop if name == "search" else None,
            )
