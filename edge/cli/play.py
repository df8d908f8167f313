"""`caas play FILE`: play a recorded chat through live sockets and print a summary."""

import argparse
import functools
import sys
from pathlib import Path

import msgspec

from core.settings import Settings
from edge.cli import options
from edge.cli.progress import Bar
from edge.cli.up import reached
from edge.sdk.python.caas_client.tokens import TokenRefused
from edge.sdk.python.caas_client.wire import CommandError, Refused
from edge.tools.playback.recording import Malformed, read
from edge.tools.playback.run import Stalled, play
from edge.tools.playback.tally import Summary


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `play`."""
    about = "play a recorded chat through live sockets: a connection per user, each user's rows in their order"
    example = "example: caas play recording.jsonl.gz --data ./chat --json"
    parser = verbs.add_parser("play", help=about, description=about, epilog=example)
    parser.add_argument("file", metavar="FILE", type=Path, help="JSON lines, plain or gzipped")
    options.add_gateway(parser)
    parser.add_argument("--limit", type=int, metavar="ROWS", help="play only the first rows")
    parser.add_argument("--chaos", type=int, metavar="SEED", help="break lines and lose pushes, then compare all views")
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: no fault; 1: the file is malformed, or could not be played; 3: something was lost or doubled, or differs."""
    try:
        summary = options.run(functools.partial(run_play, settings_of(args), args))
    except (Malformed, Stalled, TokenRefused, Refused, CommandError, OSError) as error:
        return options.fail("play", error)
    if args.json:
        sys.stdout.write(msgspec.json.encode(summary).decode() + "\n")
    else:
        width = max(len(name) for name in summary.__struct_fields__)
        for name in summary.__struct_fields__:
            sys.stdout.write(f"{name:<{width}}  {getattr(summary, name)}\n")
    return 0 if summary.right else 3


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings, overridden by options."""
    found = options.settings_of(args)
    return msgspec.structs.replace(
        found, app_key=args.app_key or found.app_key, app_secret=args.app_secret or found.app_secret
    )


async def run_play(settings: Settings, args: argparse.Namespace) -> Summary:
    """Play against the given gateway, or the embedded system: the one running in the directory, else a new one."""
    rows = read(args.file)  # before a system is started for it
    async with reached(settings, options.gateway_of(settings, args)) as system:
        with Bar("play", "rows") as bar:
            return await play(
                rows,
                system.url,
                system.app_key,
                system.app_secret,
                progress=bar.show,
                limit=args.limit,
                tenant=settings.tenant,
                chaos=args.chaos,
            )
