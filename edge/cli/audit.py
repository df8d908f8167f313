"""`caas audit`: query, export and verify the audit log of a system."""

import argparse
import functools
import getpass
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec

from core.audit.checkpoint import origin_of
from core.audit.note import SigningKey
from core.settings import Settings
from edge.cli import options
from edge.cli.audit_service import AuditService, NotAnswered, opened
from edge.process.secrets_file import existing
from edge.tools import audit_verifier
from edge.tools.audit_export import write_export
from schemas.wire.audit import AuditEntry

FILTERS: Final = {
    "actor": ("ID", "the user who acted"),
    "action": ("NAME", "such as message:send or audit:query"),
    "entity": ("TYPE:ID", "what it was done to, such as message:ID"),
    "conversation": ("ID", "in this conversation"),
    "outcome": ("WORD", "success, failure or denied"),
    "correlation-id": ("ID", "of this request"),
    "from": ("TIME", "not before this time, such as 2026-11-20T09:30:00Z"),
    "to": ("TIME", "before this time"),
}
"""The options that narrow a query, each with how its value is named, and its help."""
PARAMETER_OF: Final = {"conversation": "conversation_id", "correlation-id": "correlation_id"}
EXAMPLE: Final = "example: caas audit query --actor ann --from 2026-11-20T00:00:00Z --purpose case-4711"
Verbs = "argparse._SubParsersAction[argparse.ArgumentParser]"
Work = Callable[[AuditService, argparse.Namespace], Coroutine[Any, Any, None]]


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `audit` with its verbs."""
    about = "query, export and verify the audit log: who did what to what, and how it ended"
    parser = verbs.add_parser("audit", help=about, description=about, epilog=EXAMPLE)
    known = parser.add_subparsers(dest="what", metavar="VERB", title="verbs", required=True)
    query = _asking(known, "query", "print records, newest first", _print, EXAMPLE)
    _add_filters(query)
    query.add_argument("--oldest-first", action="store_true", help="print the oldest record first")
    query.add_argument("--limit", type=_count, default=100, metavar="N", help="at most N records (0: all)")
    export = "example: caas audit export audit.jsonl --purpose yearly-audit"
    exporting = _asking(known, "export", "write records to a file that can be verified", _export, export)
    exporting.add_argument("file", metavar="FILE", type=Path, help="what to write")
    exporting.add_argument("--proofs", action="store_true", help="with a proof for each record (a filtered one has)")
    _add_filters(exporting)
    _asking(known, "checkpoint", "print the signed checkpoint of now", _checkpoint, "example: caas audit checkpoint")
    _add_verify(known)
    key = known.add_parser("key", help="print the key that verifies checkpoints", epilog="example: caas audit key")
    options.add_data(key)
    key.set_defaults(run=_print_key)


def _asking(known: Any, name: str, about: str, work: Work, example: str) -> argparse.ArgumentParser:
    """Add a verb that asks the service."""
    parser: argparse.ArgumentParser = known.add_parser(name, help=about, description=about, epilog=example)
    parser.add_argument("--purpose", required=True, metavar="TEXT", help="why you look; it is recorded")
    parser.add_argument("--as", dest="who", metavar="USER", help="who looks (default: your login name)")
    parser.add_argument("--url", help="the compliance service (default: on the stack CAAS_HOST:CAAS_COMPLIANCE_PORT)")
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=functools.partial(_run, work))
    return parser


def _add_filters(parser: argparse.ArgumentParser) -> None:
    for name, (metavar, about) in FILTERS.items():
        parser.add_argument(f"--{name}", metavar=metavar, help=about)


def _add_verify(known: Any) -> None:
    about = "verify an export offline against signed checkpoints"
    example = "example: caas audit verify audit.jsonl --checkpoint checkpoint --key key"
    parser = known.add_parser("verify", help=about, description=about, epilog=example, add_help=False)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    parser.set_defaults(run=lambda args: audit_verifier.main(args.arguments))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number of records from 0 on, and {text!r} is none")
    return int(text)


def _run(work: Work, args: argparse.Namespace) -> int:
    """0: done; 1: refused, or nothing listens there."""
    settings = existing(options.existing_system(args), "token_secret")
    return options.run_or_fail(
        "audit", functools.partial(_asked, work, settings, args), NotAnswered, ValueError, OSError
    )


async def _asked(work: Work, settings: Settings, args: argparse.Namespace) -> None:
    async with opened(settings, args.url, args.who or getpass.getuser()) as service:
        await work(service, args)


def _filters(args: argparse.Namespace) -> dict[str, str]:
    given = {name: getattr(args, name.replace("-", "_")) for name in FILTERS}
    return {PARAMETER_OF.get(name, name): value for name, value in given.items() if value is not None}


async def _print(service: AuditService, args: argparse.Namespace) -> None:
    order = "oldest" if args.oldest_first else "newest"
    asked = {**_filters(args), "purpose": args.purpose, "order": order, "wait": "true"}
    write = _write_json if args.json else _write_line
    async for entry in service.entries(asked, args.limit or sys.maxsize):
        write(entry)


async def _export(service: AuditService, args: argparse.Namespace) -> None:
    manifest = await write_export(service, args.file, args.purpose, _filters(args), proofs=args.proofs)
    line = msgspec.json.encode(manifest).decode() if args.json else f"{manifest['records']} records in {args.file}"
    sys.stdout.write(line + "\n")


async def _checkpoint(service: AuditService, args: argparse.Namespace) -> None:
    tree = await service.tree({"purpose": args.purpose, "wait": "true"})
    sys.stdout.write(msgspec.json.encode(tree).decode() + "\n" if args.json else tree.checkpoint)


def _print_key(args: argparse.Namespace) -> int:
    """0: printed."""
    settings = existing(options.existing_system(args), "audit_seed")
    key = SigningKey(origin_of(settings.tenant), bytes.fromhex(settings.audit_seed))
    sys.stdout.write(f"{key.verifier}\n")
    return 0


def _write_json(entry: AuditEntry) -> None:
    sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")


def _write_line(entry: AuditEntry) -> None:
    record = entry.record
    entity = f"{record['entity']['type']}:{record['entity']['id']}"
    outcome = record["outcome"] + (f" ({record['reason']})" if record["reason"] else "")
    who, action = record["actor"]["id"], record["action"]
    sys.stdout.write(f"{record['occurred_at']}  {who:<16} {action:<28} {entity}  {outcome}\n")
