"""`caas rollback NAME`: switch a read model back to the generation before the live one, as safely as forth."""

import argparse
import functools

from core.health import Health
from core.settings import Settings
from edge import compose
from edge.cli import asking
from edge.cli.progress import Bar
from edge.cli.rebuild import told
from edge.running import reading
from streams.rebuild import Refused, Report, rollback


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `rollback`."""
    about = "bring the generation before to where the live one stands, and switch back to it while people chat"
    parser = verbs.add_parser("rollback", help=about, description=about, epilog="example: caas rollback messages")
    parser.add_argument("name", metavar="NAME", choices=compose.PROCESSORS, help=", ".join(compose.PROCESSORS))
    asking.add_data(parser)
    asking.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: switched back; 1: refused or called off, and nothing changed."""
    try:
        report = asking.run(functools.partial(run_rollback, asking.settings_of(args), args.name))
    except Refused as error:
        return asking.fail("rollback", error)
    return told(report, as_json=args.json)


async def run_rollback(settings: Settings, name: str) -> Report:
    """Roll one read model back in the system that the settings name."""
    health = Health()
    async with reading(settings, health, "rebuild") as found:
        with Bar(f"rollback {name}", "records") as bar:
            return await rollback(
                lambda documents: compose.processor(name, documents, found.index),
                found.log,
                found.documents,
                health,
                progress=bar.show,
            )
