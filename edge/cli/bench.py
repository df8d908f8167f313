"""`caas bench`: measure the cost of our rules as ratios to a bare counterpart, in turns on this machine."""

import argparse
import asyncio
import functools
import signal
import sys
import tempfile
from pathlib import Path

import msgspec
from rich.console import Console

from core.settings import Settings
from edge.cli import options
from edge.process import logs
from edge.tools.bench import machine, profiled, table
from edge.tools.bench.children import BenchFailed
from edge.tools.bench.measure import Figure
from edge.tools.bench.run import LONG, NAMES, bench, measures, take

WIDTH = 110


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `bench`."""
    about = "measure this build against the bare way of doing the same, in turns; about ten minutes"
    example = "example: caas bench --only edge_sends,deliveries --pairs 3 --json"
    parser = verbs.add_parser("bench", help=about, description=about, epilog=example)
    some = f"some of {', '.join(NAMES)} (default: all but {', '.join(sorted(LONG))})"
    parser.add_argument("--only", type=_names, metavar="NAME,…", help=some)
    parser.add_argument("--adapters", choices=("embedded", "stack"), help="default: CAAS_ADAPTERS or embedded")
    parser.add_argument("--pairs", type=_positive, default=5, metavar="N", help="pairs per figure (default: 5)")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="seconds per measurement (default: 3)")
    parser.add_argument("--profile", metavar="NAME", choices=NAMES, help="profile the server of one figure instead")
    options.add_json(parser)
    parser.set_defaults(run=run)


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if unknown := [name for name in names if name not in NAMES]:
        raise argparse.ArgumentTypeError(f"there is no figure {', '.join(unknown)}")
    return names


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def run(args: argparse.Namespace) -> int:
    """0: measured, goals met or not; 1: a process of the bench failed, or it was stopped; 2: not on these adapters."""
    settings = options.settings_of(args)
    settings = msgspec.structs.replace(settings, adapters=args.adapters or settings.adapters)
    logs.configure("warning", settings.log_format)
    known = measures(settings.adapters)
    asked = [args.profile] if args.profile else args.only or [name for name in known if name not in LONG]
    if missing := [name for name in asked if name not in known]:
        sys.stderr.write(f"caas bench: no {', '.join(missing)} with CAAS_ADAPTERS={settings.adapters}\n")
        return 2
    try:
        if args.profile:
            return _profile(settings, args.profile, args.seconds)
        figures = options.run(functools.partial(_take, settings, asked, args.pairs, args.seconds))
    except BenchFailed as error:
        return options.fail("bench", error)
    if args.json:
        shown = {figure.name: {**figure.as_json(), "adapters": settings.adapters} for figure in figures}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode() + "\n")
    else:
        table.show(figures, Console(width=None if sys.stdout.isatty() else WIDTH))
        sys.stdout.write(f"{settings.adapters}, {machine.kind()}, medians of {args.pairs} interleaved pairs\n")
    return 0


def _profile(settings: Settings, name: str, seconds: float) -> int:
    with tempfile.TemporaryDirectory(prefix="caas-profile-") as directory:
        file = Path(directory) / "profile"
        options.run(functools.partial(_take, settings, [name], 1, seconds, file))
        sys.stdout.write(profiled.top(file))
    return 0


async def _take(
    settings: Settings, names: list[str], pairs: int, seconds: float, profile: Path | None = None
) -> list[Figure]:
    measuring = asyncio.current_task()
    if measuring is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, measuring.cancel)
    try:
        with bench(settings, pairs, seconds, profile) as where:
            return await take(where, names, _say)
    except asyncio.CancelledError:
        raise BenchFailed("stopped") from None


def _say(name: str) -> None:
    sys.stderr.write(f"measuring {name}\n")
    sys.stderr.flush()
