"""`caas log-level LEVELS`: change what a running process logs; it records the change in the audit log before."""

import argparse
import asyncio
import functools
import sys
from typing import Final

import aiohttp
import msgspec

from core.log_levels import parse
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.cli import options
from edge.cli.http_audit import reason_of
from edge.cli.operator_record import operator
from edge.cli.up import running_at
from edge.process.secrets_file import existing
from schemas.wire.log_level import LOG_LEVEL_PATH, LogLevelAnswer, LogLevelChange

ANSWER_S: Final = 40.0
"""Maximum time of an answer, in seconds: the append of the record has its own timeout before."""

PATIENCE_S: Final = 10.0
RETRY_S: Final = 0.5
TOKEN_S: Final = 60
"""How long its token is good, in seconds."""


class NotChanged(Exception):
    """The process refused, did not answer, or does not run."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `log-level`."""
    about = "change what a running process logs"
    example = "example: caas log-level caas.worker=debug,info --url http://127.0.0.1:3101"
    parser = verbs.add_parser("log-level", help=about, description=about, epilog=example)
    parser.add_argument(
        "levels", type=_levels, metavar="LEVELS", help="a level, and LOGGER=LEVEL for single loggers, as CAAS_LOG_LEVEL"
    )
    parser.add_argument(
        "--url",
        help="the process, at the port of its health (default: what runs in --data; on the stack the gateway at "
        "CAAS_HOST:CAAS_PORT)",
    )
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def _levels(text: str) -> str:
    try:
        return str(parse(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(args: argparse.Namespace) -> int:
    """0: changed; 1: the process refused, did not answer, or does not run."""
    settings = existing(options.settings_of(args), "token_secret")
    return options.run_or_fail("log-level", functools.partial(_change, settings, args), NotChanged)


async def _change(settings: Settings, args: argparse.Namespace) -> None:
    """Raises `NotChanged`."""
    answer = await _asked(settings, f"{_url_of(settings, args.url)}{LOG_LEVEL_PATH}", args.levels)
    text = f"{answer.process} logs {answer.levels}, before {answer.before}"
    sys.stdout.write((msgspec.json.encode(answer).decode() if args.json else text) + "\n")


def _url_of(settings: Settings, url: str | None) -> str:
    if url is not None:
        return url.rstrip("/")
    if settings.adapters == "stack":
        return f"http://{settings.host}:{settings.port}"
    if (found := running_at(settings)) is None:
        raise NotChanged(f"no system runs in {settings.data}")
    return found.url


async def _asked(settings: Settings, url: str, levels: str) -> LogLevelAnswer:
    """Return the answer; a process that cannot record yet is asked again for `PATIENCE_S`. Raises `NotChanged`."""
    ends = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        found, status = await _put(settings, url, levels)
        if status == 200:
            return msgspec.json.decode(found, type=LogLevelAnswer)
        if status != 503 or asyncio.get_running_loop().time() > ends:
            raise NotChanged(reason_of(found, status))
        await asyncio.sleep(RETRY_S)


async def _put(settings: Settings, url: str, levels: str) -> tuple[bytes, int]:
    token, _ = Tokens(settings.token_secret, TOKEN_S).issue(settings.tenant, operator(), roles=["admin"])
    body, headers = msgspec.json.encode(LogLevelChange(levels=levels)), {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.put(url, data=body, headers=headers) as answer,
        ):
            return await answer.read(), answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise NotChanged(f"{url} does not answer: {error}") from None
