"""`caas transcript`: print every message of the read model, once it has reached the log's end as of the start."""

import argparse
import functools
import sys

import msgspec

from core.health import Health
from core.settings import Settings
from edge.cli import options
from edge.cli.operator_record import Act, audit_of, recorded
from edge.cli.progress import Waiting
from edge.composition.running import caught_up, live_generation, reading
from edge.tools.transcript import transcript
from streams.runtime.lag import ReadModelStalled


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `transcript`."""
    about = "print every message as one JSON line, ordered by conversation and seq"
    example = "example: caas transcript --data ./chat | jq .text"
    parser = verbs.add_parser("transcript", help=about, description=about, epilog=example)
    options.add_data(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: printed completely; 1: a read model is behind the log and its worker does not run."""
    main = functools.partial(print_transcript, options.existing_system(args))
    return options.run_or_fail("transcript", main, ReadModelStalled)


async def print_transcript(settings: Settings) -> None:
    """Wait for the read models, record it, then print."""
    health, act = Health(), Act(action="transcript", entity_type="read_model", entity_id="messages")
    async with reading(settings, health) as found:
        await caught_up(found, ("messages", "conversations"), health, Waiting("transcript").show)
        live = [await live_generation(name, found, health) for name in ("messages", "conversations")]
        async with recorded(audit_of(found, settings), settings, act):
            async for line in transcript(found.documents, settings.tenant, *live):
                sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
