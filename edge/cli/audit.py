"""`caas audit`: query the audit log of a system, through its compliance service."""

import argparse
import asyncio
import functools
import getpass
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
import msgspec

from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.cli import options
from edge.cli.up import reached
from edge.process.secrets_file import existing
from schemas.wire.audit import AUDIT_PATH, MAX_RECORDS, AuditEntry, AuditPage

FILTERS: Final = ("actor", "action", "entity", "conversation", "outcome", "correlation-id", "from", "to")
PARAMETER_OF: Final = {"conversation": "conversation_id", "correlation-id": "correlation_id"}
PATIENCE_S: Final = 30.0
"""Maximum time, in seconds, that a service which is not ready is asked again."""
RETRY_S: Final = 0.5
EXAMPLE: Final = "example: caas audit query --actor ann --from 2026-11-20T00:00:00Z --purpose case-4711"


class NotAnswered(Exception):
    """The service answered with a problem, or nothing listens there."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `audit` with its verbs."""
    about = "query the audit log: who did what to what, and how it ended"
    parser = verbs.add_parser("audit", help=about, description=about, epilog=EXAMPLE)
    known = parser.add_subparsers(dest="what", metavar="VERB", title="verbs", required=True)
    query = known.add_parser("query", help="print records, newest first", description=about, epilog=EXAMPLE)
    query.add_argument("--purpose", required=True, metavar="TEXT", help="why you look; it is recorded with the query")
    for name in FILTERS:
        query.add_argument(f"--{name}", metavar=_METAVARS.get(name, "ID"), help=_HELP[name])
    query.add_argument("--oldest-first", action="store_true", help="print the oldest record first")
    query.add_argument(
        "--limit", type=_count, default=100, metavar="N", help="at most N records (default: 100, 0: all)"
    )
    query.add_argument("--as", dest="who", metavar="USER", help="who looks (default: your login name)")
    query.add_argument("--url", help="the compliance service (default: on the stack CAAS_HOST:CAAS_COMPLIANCE_PORT)")
    options.add_data(query)
    options.add_json(query)
    query.set_defaults(run=run)


_METAVARS: Final = {"action": "NAME", "entity": "TYPE:ID", "outcome": "WORD", "from": "TIME", "to": "TIME"}
_HELP: Final = {
    "actor": "the user who acted",
    "action": "such as message:send or audit:query",
    "entity": "what it was done to, such as message:ID",
    "conversation": "in this conversation",
    "outcome": "success, failure or denied",
    "correlation-id": "of this request",
    "from": "not before this time, such as 2026-11-20T09:30:00Z",
    "to": "before this time",
}


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number of records from 0 on, and {text!r} is none")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """0: printed; 1: refused, or nothing listens there."""
    settings = existing(options.existing_system(args), "token_secret")
    return options.run_or_fail("audit", functools.partial(_print, settings, args), NotAnswered, ValueError)


async def _print(settings: Settings, args: argparse.Namespace) -> None:
    write = _write_json if args.json else _write_line
    async for entry in _found(settings, args):
        write(entry)


async def _found(settings: Settings, args: argparse.Namespace) -> AsyncIterator[AuditEntry]:
    """Yield the records, page after page, all of one position."""
    here = f"http://{settings.host}:{settings.compliance_port}" if settings.adapters == "stack" else None
    parameters = _parameters(args) | {"wait": "true"}
    left = args.limit or sys.maxsize
    async with reached(settings, args.url or here) as system, aiohttp.ClientSession() as session:
        while left > 0:
            asked = parameters | {"limit": str(min(left, MAX_RECORDS))}
            page = await _page(session, f"{system.url}{AUDIT_PATH}", asked, _token(settings, args))
            for entry in page.records:
                yield entry
            left -= len(page.records)
            if page.after is None:
                return
            parameters |= {"after": page.after, "wait": "false"}


def _parameters(args: argparse.Namespace) -> dict[str, str]:
    given = {name: getattr(args, name.replace("-", "_")) for name in FILTERS}
    found = {PARAMETER_OF.get(name, name): value for name, value in given.items() if value is not None}
    return found | {"purpose": args.purpose, "order": "oldest" if args.oldest_first else "newest"}


def _token(settings: Settings, args: argparse.Namespace) -> str:
    tokens = Tokens(settings.token_secret, settings.token_ttl_s)
    return tokens.issue(settings.tenant, args.who or getpass.getuser(), roles=["compliance_officer"])[0]


async def _page(session: aiohttp.ClientSession, url: str, asked: Mapping[str, str], token: str) -> AuditPage:
    """Return one page; a service whose read model is behind is asked again for `PATIENCE_S`. Raises `NotAnswered`."""
    ends = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        body, status = await _answer(session, url, asked, token)
        if status == 200:
            return msgspec.json.decode(body, type=AuditPage)
        if status != 503 or asyncio.get_running_loop().time() > ends:
            raise NotAnswered(_reason(body, status))
        await asyncio.sleep(RETRY_S)


async def _answer(session: aiohttp.ClientSession, url: str, asked: Mapping[str, str], token: str) -> tuple[bytes, int]:
    try:
        async with session.get(url, params=asked, headers={"Authorization": f"Bearer {token}"}) as answer:
            return await answer.read(), answer.status
    except aiohttp.ClientError as error:
        raise NotAnswered(f"{url} does not answer: {error}") from None


def _reason(body: bytes, status: int) -> str:
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return f"the service answered with status {status}"
    wrong = ", ".join(one["pointer"].lstrip("/") for one in found.get("errors") or [])
    return f"{found['title']}: {found['detail']}" + (f" ({wrong})" if wrong else "")


def _write_json(entry: AuditEntry) -> None:
    sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")


def _write_line(entry: AuditEntry) -> None:
    record = entry.record
    entity = f"{record['entity']['type']}:{record['entity']['id']}"
    outcome = record["outcome"] + (f" ({record['reason']})" if record["reason"] else "")
    sys.stdout.write(
        f"{record['occurred_at']}  {record['actor']['id']:<16} {record['action']:<28} {entity}  {outcome}\n"
    )
