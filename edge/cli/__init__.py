"""The `caas` command: every verb has help with an example, `--json` for programs, and a documented exit status."""

import argparse
import importlib
import sys
from collections.abc import Iterable
from importlib.metadata import version
from typing import Final

from core import settings
from core.ports.event_log import Unavailable
from edge.cli import extras, options
from edge.process import logs

OK: Final = 0
USAGE: Final = 2
VERBS: Final = {
    "up": "edge.cli.up",
    "token": "edge.cli.token",
    "serve": "edge.cli.serve",
    "worker": "edge.cli.worker",
    "topics": "edge.cli.topics",
    "stack": "deploy.local.cli",
    "play": "edge.cli.play",
    "transcript": "edge.cli.transcript",
    "audit": "edge.cli.audit",
    "trace": "edge.cli.trace",
    "log": "edge.cli.log",
    "log-level": "edge.cli.log_level",
    "rebuild": "edge.cli.rebuild",
    "rollback": "edge.cli.rollback",
    "verify": "edge.cli.verify",
    "conformance": "edge.cli.conformance",
    "bench": "edge.cli.bench",
}
"""The module of each verb, imported when its verb is used: `token` does not need the client of a broker."""


def parser(verbs: Iterable[str] = VERBS) -> argparse.ArgumentParser:
    """Return the command line parser with these verbs."""
    top = argparse.ArgumentParser(
        prog="caas",
        description="Chat as a Service: a self-hosted, event-sourced chat core.",
        epilog="example: caas up --data ./chat, then in another terminal: caas token ann --data ./chat",
    )
    top.add_argument("--version", action="version", version=f"caas {version('caas')}", help="print the version")
    known = top.add_subparsers(dest="verb", metavar="VERB", title="verbs", required=True)
    for verb in verbs:
        _add(verb, known)
    return top


def _add(verb: str, known: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add a verb; one whose packages are not installed fails with that reason when it is used."""
    try:
        importlib.import_module(VERBS[verb]).add_parser(known)
    except ModuleNotFoundError as error:
        if extras.what_is_missing(error) != extras.MISSING:
            raise
        lacking = known.add_parser(verb, help=extras.MISSING, prefix_chars="\0", add_help=False)  # takes options too
        lacking.add_argument("arguments", nargs="*")
        lacking.set_defaults(run=lambda args: options.fail(args.verb, extras.MISSING))


def main(argv: list[str] | None = None) -> int:
    """Run one verb. 0: done, 1: failed, 2: usage or settings; some verbs have more."""
    words = sys.argv[1:] if argv is None else argv
    asked = [word for word in words[:1] if word in VERBS]
    known = parser(asked or VERBS)
    if not words:
        known.print_help(sys.stderr)
        return USAGE
    args = known.parse_args(words)
    logs.set_up()
    try:
        return _status(args)
    except settings.InvalidSettings as error:
        sys.stderr.write(f"caas {args.verb}: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        return 130


def _status(args: argparse.Namespace) -> int:
    """Run the verb; return its exit status, or 1 with the reason on stderr if its data is unusable."""
    try:
        status: int = args.run(args)
    except ModuleNotFoundError as error:
        missing = extras.what_is_missing(error)
        if missing is None:
            raise
        return options.fail(args.verb, missing)
    except BaseException as error:
        found = options.first_of(error, (*options.ASTRAY, options.NoSystem, Unavailable, PermissionError))
        if found is None:
            raise
        return options.fail(args.verb, found)
    return status
