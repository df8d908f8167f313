"""Options shared by several verbs: the data directory, JSON, the gateway, and the settings made of them."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import uvloop

from core import settings
from core.ports.documents import DataLost
from core.ports.event_log import DataDamaged, LogTruncated
from core.positions import LogMismatch
from core.settings import Settings
from edge.process import logs
from edge.process.data_directory import is_system
from edge.process.garbage import collect_rarely

ASTRAY: Final = (LogMismatch, LogTruncated, DataLost, DataDamaged)
"""Errors after which a verb must stop: the log and the store do not match, or one of them has lost data."""
T = TypeVar("T")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add `--data DIR`: the directory of an embedded system."""
    parser.add_argument(
        "--data", metavar="DIR", help="where the embedded system lives (default: CAAS_DATA or .caas/data)"
    )


def add_gateway(parser: argparse.ArgumentParser) -> None:
    """Add `--url`, `--app-key` and `--app-secret`: the system to use."""
    parser.add_argument(
        "--url",
        help="the gateway (default: CAAS_PUBLIC_URL; else on the stack CAAS_HOST:CAAS_PORT, else what is in --data)",
    )
    parser.add_argument("--app-key", help="default: CAAS_APP_KEY")
    parser.add_argument("--app-secret", help="default: CAAS_APP_SECRET")


def gateway_of(settings: Settings, args: argparse.Namespace) -> str | None:
    """Return the gateway to use: from option or setting, else on the stack the local one; None: the embedded system."""
    here = f"http://{settings.host}:{settings.port}" if settings.adapters == "stack" else None
    return args.url or settings.public_url or here


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`: output for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def port(text: str) -> int:
    """Parse a port, 0 for any free one. Raises `ArgumentTypeError`."""
    if not text.isascii() or not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, and {text!r} is none")
    return int(text)


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the environment's settings, overridden by options; `--data` means embedded. Raises `InvalidSettings`."""
    data = getattr(args, "data", None)
    found = settings.load(
        data=data, adapters="embedded" if data is not None else None, port=getattr(args, "port", None)
    )
    logs.configure(found.log_level, found.log_format)
    return found


class NoSystem(Exception):
    """The data directory contains no system."""


def existing_system(args: argparse.Namespace) -> Settings:
    """Return `settings_of`, for a verb that needs an existing system. Raises `NoSystem`, `InvalidSettings`."""
    found = settings_of(args)
    data = Path(found.data)
    if found.adapters == "embedded" and not is_system(data):
        raise NoSystem(f"there is no system in {data}: `caas up --data {data}` makes one")
    return found


def run(main: Callable[[], Coroutine[Any, Any, T]], *, fast: bool = True) -> T:
    """Run to the end, on uvloop unless not `fast` (Faust does not support uvloop)."""
    collect_rarely()
    factory = uvloop.new_event_loop if fast else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


def run_or_fail(
    verb: str, main: Callable[[], Coroutine[Any, Any, None]], *expected: type[Exception], fast: bool = True
) -> int:
    """Run to the end; return 0, or 1 with the reason on stderr after an expected error, however deep in a group."""
    try:
        run(main, fast=fast)
    except BaseException as error:
        found = first_of(error, expected)
        if found is None:
            raise
        return fail(verb, found)
    return 0


def first_of(error: BaseException, kinds: tuple[type[Exception], ...]) -> BaseException | None:
    """Return the first error of these kinds in an error or its group."""
    if isinstance(error, kinds):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for one in inner if (found := first_of(one, kinds)) is not None), None)


def fail(verb: str, why: object) -> int:
    """Print the reason on stderr; return exit status 1."""
    sys.stderr.write(f"caas {verb}: {why}\n")
    return 1
