"""`caas rollback NAME`: switch a read model back to the generation before the live one, as safely as a rebuild."""

import argparse

from core.health import Health
from edge.cli import options
from edge.cli.rebuild import switched
from edge.composition import compose
from edge.composition.compose import Adapters
from streams.rebuild.rebuild import Report, rollback
from streams.rebuild.replay import Fold, ReplayProgress


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `rollback`."""
    about = "bring the previous generation up to the live one, and switch back to it while the system runs"
    parser = verbs.add_parser("rollback", help=about, description=about, epilog="example: caas rollback messages")
    parser.add_argument("name", metavar="NAME", choices=compose.PROCESSORS, help=", ".join(compose.PROCESSORS))
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: switched back; 1: refused or cancelled, and nothing changed."""

    async def work(found: Adapters, fold: Fold, health: Health, progress: ReplayProgress) -> Report:
        return await rollback(fold, found.log, found.documents, health, progress=progress)

    return switched("rollback", args, work)
