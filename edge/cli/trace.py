"""`caas trace ID`: what became of a request, as the tree of all that came of it in the log."""

import argparse
import functools
import getpass
import shutil
import sys
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from core.health import Health
from core.settings import Settings
from edge.cli import options
from edge.cli.operator_record import Act, record_alone
from edge.cli.progress import Bar
from edge.cli.service_client import NotAnswered, client_of
from edge.cli.waterfall import waterfall
from edge.composition.running import log_to_read
from edge.process.secrets_file import existing
from edge.tools.trace_scan import scan
from edge.trace.app import SRE
from schemas.wire.trace import TRACE_PATH, Trace

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
ALL: Final = "all"


class NothingFound(Exception):
    """The log has no record of the request."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `trace`."""
    about = "show what became of a request: the tree of its records in the log, by its correlation id"
    example = "example: caas trace ed832581-83c6-40e6-953e-c7a302da9e3e"
    parser = verbs.add_parser("trace", help=about, description=about, epilog=example)
    parser.add_argument("id", metavar="ID", type=_correlation_id, help="the correlation id, from a frame or an error")
    parser.add_argument("--scan", action="store_true", help="read the topics themselves, without the read model")
    parser.add_argument(
        "--since",
        type=_since,
        metavar="TIME",
        help="with --scan: how far back, such as 90m, 2d, 2026-11-20T09:30:00Z or all (default: 1h)",
    )
    parser.add_argument("--as", dest="who", metavar="USER", help="who looks (default: your login name)")
    parser.add_argument("--url", help="the compliance service (default: on the stack CAAS_HOST:CAAS_COMPLIANCE_PORT)")
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: shown; 1: there is no record of it, or nothing answers."""
    settings = options.existing_system(args)
    main = _scanned if args.scan else _asked
    return options.run_or_fail("trace", functools.partial(main, settings, args), NotAnswered, NothingFound, OSError)


async def _asked(settings: Settings, args: argparse.Namespace) -> None:
    known, who = existing(settings, "token_secret"), args.who or getpass.getuser()
    async with client_of(known, args.url, who, SRE) as service:
        found = await service.ask(TRACE_PATH.replace("{id}", args.id), {"wait": "true"}, Trace)
    _print(found, args)


async def _scanned(settings: Settings, args: argparse.Namespace) -> None:
    """Record it, then read. The record needs no store either, and without it nothing is read."""
    since = _since("1h") if args.since is None else args.since
    await record_alone(settings, Act(action="trace_scan", entity_type="correlation", entity_id=args.id))
    with Bar("trace", "records") as bar:
        async with log_to_read(settings, Health()) as log:
            found = await scan(log, settings.tenant, args.id, since, bar.show)
    if not found.entries:
        raise NothingFound(f"no record of {args.id} is in the log since {_time(since)}")
    _print(found, args)


def _print(found: Trace, args: argparse.Namespace) -> None:
    if args.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    width = shutil.get_terminal_size((120, 24)).columns
    sys.stdout.writelines(f"{line}\n" for line in waterfall(found, width))


def _correlation_id(text: str) -> str:
    """Return a UUID in small letters. Raises `ArgumentTypeError`."""
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"a correlation id is a UUID, and {text!r} is none") from None


def _since(text: str) -> int:
    """Return a time in milliseconds since 1970: a duration before now, a time, or 0 for `all`. Raises
    `ArgumentTypeError`.
    """
    if text == ALL:
        return 0
    if text[-1:] in UNITS and text[:-1].isascii() and text[:-1].isdecimal():
        return max(0, _now_ms() - int(text[:-1]) * UNITS[text[-1]] * 1000)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"a time is such as 90m, 2d, 2026-11-20T09:30:00Z or all, and {text!r} is none"
        )
    return max(0, round(at.timestamp() * 1000))


def _now_ms() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
