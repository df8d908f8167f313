"""Runs `caas stack`: controls the real servers of a directory; the exit status reports the outcome."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local import record
from deploy.local.server import ROLES, StackError
from deploy.local.stack import Stack
from deploy.local.status import ServerStatus

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

OK, FAILED, USAGE, SOME_DOWN = 0, 1, 2, 3

ACTIONS = {
    "up": ("start the servers and wait until each answers", "caas stack up --brokers 3"),
    "down": ("stop the servers, keep their data", "caas stack down"),
    "status": ("show each server; exit status 3 when one is not up", "caas stack status --json"),
    "clean": ("stop the servers and remove their data and logs", "caas stack clean --dir /tmp/caas-stack"),
    "env": ("print the settings that point CAAS at the servers, secrets included", 'eval "$(caas stack env)"'),
}

MONGO = """memory (default): fast, keeps nothing over a restart, and ends after some 500,000 messages, when its heap of
1 GiB is full; h2: in a file, for long runs and benchmarks"""
DATA_LOST = """\
MongoDB ran in memory (--mongo memory): the read models are gone with it. The log is kept: after `caas stack up` the
workers rebuild them from it, while its topics hold everything (7 days; receipts: 1 day). `caas stack up --mongo h2`
keeps them over a restart."""


def add_parser(subparsers: Subparsers) -> None:
    """Add `stack` with its actions; the parsed arguments have the function to call in `run`."""
    summary = "run Kafka, Redis, MongoDB and OpenSearch here as plain processes"
    parser = subparsers.add_parser(
        "stack",
        help=summary,
        description=summary,
        epilog='example: caas stack up && eval "$(caas stack env)"',
    )
    actions = parser.add_subparsers(dest="stack_action", metavar="ACTION", required=True)
    for name, (meaning, example) in ACTIONS.items():
        _add_options(actions.add_parser(name, help=meaning, description=meaning, epilog=f"example: {example}"))
    parser.set_defaults(run=run)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, help="where the servers live (default: $CAAS_STACK_DIR or ./.caas/stack)")
    parser.add_argument("--brokers", type=int, choices=(1, 3), help="Kafka brokers (default: as it was, else 1)")
    parser.add_argument("--only", type=_roles, metavar="ROLE,…", help=f"some of {', '.join(ROLES)} (default: all)")
    parser.add_argument("--mongo", choices=("memory", "h2"), help=MONGO)
    parser.add_argument("--port-shift", type=int, help="move every port by this much, for a second stack (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _roles(text: str) -> frozenset[str]:
    roles = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not roles or roles - set(ROLES):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(ROLES)}")
    return roles


def stack_of(args: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Stack:
    """Return the stack of these options; options left out are taken from the directory's record."""
    directory = args.dir or Path(environment.get("CAAS_STACK_DIR") or ".caas/stack")
    found = record.read(directory.expanduser())
    # Actions on a stack of some roles concern those; only `up` without --only means all.
    started = frozenset(found.roles) if found and args.stack_action != "up" else None
    return Stack(
        directory,
        args.brokers or (found.brokers if found else 1),
        args.only or started,
        mongo_backend=args.mongo or (found.mongo if found else "memory"),
        shift=args.port_shift if args.port_shift is not None else (found.shift if found else 0),
        report=_report,
    )


def run(args: argparse.Namespace) -> int:
    """Return 0: done, and for `status` all are up; 1: failed, reason on stderr; 3: `status` found one not up."""
    try:
        return _act(stack_of(args), args.stack_action, args.json)
    except StackError as error:
        _report(f"caas stack {args.stack_action}: {error}")
        return FAILED


def _act(stack: Stack, action: str, as_json: bool) -> int:
    match action:
        case "up":
            stack.up()
            _show_status(stack.status(), as_json)
        case "down" | "clean":
            ended = stack.down() if action == "down" else stack.clean()
            _print({"stopped": ended}, f"stopped: {', '.join(ended) or 'nothing was running'}", as_json)
            if action == "down" and "mongo" in ended and stack.mongo_backend == "memory":
                _report(DATA_LOST)
        case "status":
            return _show_status(stack.status(), as_json)
        case "env":
            settings = stack.env()
            lines = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in settings.items())
            _print(settings, lines, as_json)
        case other:
            raise ValueError(other)
    return OK


def _show_status(statuses: tuple[ServerStatus, ...], as_json: bool) -> int:
    rows = [
        f"{one.name:<17} {one.state:<7} {one.address:<16} {one.pid or '-':>8} "
        f"{one.resident_mib:>5} MiB  {one.reason or ''}".rstrip()
        for one in statuses
    ]
    all_up = all(one.state == "up" for one in statuses)
    _print({"all_up": all_up, "servers": [asdict(one) for one in statuses]}, "\n".join(rows), as_json)
    return OK if all_up else SOME_DOWN


def _print(value: Any, text: str, as_json: bool) -> None:
    sys.stdout.write((json.dumps(value, indent=2) if as_json else text) + "\n")


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")
