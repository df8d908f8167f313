"""`caas verify`: fold the log afresh and name every row that differs from what is live."""

import argparse
import functools
import sys

import msgspec

from core.health import Health
from core.ports.documents import Documents
from core.ports.event_log import LogTruncated
from core.settings import Settings
from edge import compose
from edge.cli import asking
from edge.cli.progress import Waiting
from edge.running import caught_up, live_generation, reading
from projections.search.memory import MemorySearchIndex
from projections.stores.memory import MemoryDocuments
from streams.behind import StandsStill
from streams.compare import Difference
from streams.processor import Processor
from streams.verify import verify


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `verify`."""
    about = "fold the log afresh and compare it with the live read models, row by row"
    parser = verbs.add_parser("verify", help=about, description=about, epilog="example: caas verify messages")
    names = ", ".join(compose.PROCESSORS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {names} (default: all)")
    asking.add_data(parser)
    asking.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: equal; 1: refused, or a read model is behind the log and nobody works it; 3: rows differ."""
    unknown = sorted(set(args.names) - set(compose.PROCESSORS))
    if unknown:
        return asking.fail("verify", f"there is no read model {', '.join(unknown)}")
    names = tuple(args.names) or compose.PROCESSORS
    try:
        found = asking.run(functools.partial(run_verify, asking.settings_of(args), names))
    except LogTruncated as error:
        return asking.fail("verify", f"log_truncated: {error}")
    except StandsStill as error:
        return asking.fail("verify", error)
    if args.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        for name, differences in found.items():
            sys.stdout.write(f"{name}: {'equal' if not differences else f'{len(differences)} rows differ'}\n")
            sys.stdout.writelines(f"  {difference}\n" for difference in differences)
    return 3 if any(found.values()) else 0


async def run_verify(settings: Settings, names: tuple[str, ...]) -> dict[str, list[Difference]]:
    """The differences of each read model."""
    health, waiting = Health(), Waiting("verify")
    async with reading(settings, health) as found:
        await caught_up(found, names, health, waiting.show)
        return {
            name: await verify(
                functools.partial(_folding, name),
                found.log,
                found.documents,
                await live_generation(name, found, health),
                scratch=MemoryDocuments(),
                health=health,
                waiting=waiting.show,
            )
            for name in names
        }


def _folding(name: str, documents: Documents) -> Processor:
    """The processor over documents of its own; what it indexes is thrown away."""
    return compose.processor(name, documents, MemorySearchIndex())
