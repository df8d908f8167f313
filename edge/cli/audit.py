"""`caas audit`: query, export and verify the audit log of a system."""

import argparse
import functools
import getpass
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from core.audit.checkpoint import origin_of, parse
from core.audit.note import SigningKey
from core.ports.event_log import AlreadyWriting
from core.settings import Settings
from edge.cli import audit_checkpoints, audit_counts, options
from edge.cli.audit_service import AuditService, NotAnswered, opened
from edge.cli.progress import Bar
from edge.process.secrets_file import existing
from edge.tools import audit_verifier
from edge.tools.audit_export import Format, write_export
from edge.tools.audit_proofs import Consistency, Inclusion, Kept, NotProved, consistency, inclusion
from schemas.wire.audit import AuditEntry

FILTERS: Final = {
    "id": ("ID", "the record with this id"),
    "actor": ("ID", "the user who acted"),
    "subject": ("ID", "the user who acted, or to whom something was done"),
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
_ID: Final = "ed832581-83c6-40e6-953e-c7a302da9e3e"
EXAMPLE: Final = "example: caas audit query --actor ann --from 2026-11-20T00:00:00Z --purpose case-4711"
CHANGED: Final = 3
"""The exit status where the log is not what it was."""
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
    example = "example: caas audit subject ann --purpose request-17"
    about = "print, oldest first, everything that a user did and that was done to them"
    concerning = _asking(known, "subject", about, _print, example)
    concerning.add_argument("subject", metavar="USER", help="the user")
    _add_filters(concerning, but="subject")
    concerning.set_defaults(oldest_first=True, limit=0)
    counting = _asking(known, "counts", "print how often what happened", audit_counts.show, audit_counts.EXAMPLE)
    audit_counts.add_options(counting)
    export = "example: caas audit export audit.jsonl --purpose yearly-audit"
    exporting = _asking(known, "export", "write records to a file that can be verified", _export, export)
    exporting.add_argument("file", metavar="FILE", type=Path, help="what to write")
    exporting.add_argument("--proofs", action="store_true", help="with a proof for each record (a filtered one has)")
    exporting.add_argument("--format", choices=get_args(Format), default="jsonl", help="csv cannot be verified")
    _add_filters(exporting)
    example = "example: caas audit checkpoint --purpose monthly > checkpoint-of-may"
    _asking(known, "checkpoint", "print the signed checkpoint of now", _checkpoint, example)
    about, example = "list the checkpoints that were signed at intervals", audit_checkpoints.EXAMPLE
    _asking(known, "checkpoints", about, audit_checkpoints.show, example)
    example = f"example: caas audit proof {_ID} --purpose case-4711"
    proving = _asking(known, "proof", "prove that a record is in the log", _proof, example)
    proving.add_argument("id", metavar="ID", help="the id of the record")
    example = "example: caas audit consistency checkpoint-of-may --purpose yearly-audit"
    comparing = _asking(known, "consistency", "prove that the log begins with an older one", _consistency, example)
    comparing.add_argument("old", metavar="A", help="a checkpoint that was kept, or its number of records")
    comparing.add_argument("new", metavar="B", nargs="?", help="the same of the newer one (default: the log of now)")
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


def _add_filters(parser: argparse.ArgumentParser, but: str = "") -> None:
    for name, (metavar, about) in FILTERS.items():
        if name != but:
            parser.add_argument(f"--{name}", metavar=metavar, help=about)


def _add_verify(known: Any) -> None:
    about = "verify an export offline against signed checkpoints"
    example = "example: caas audit verify audit.jsonl --checkpoint checkpoint --key key"
    parents = [audit_verifier.parser(add_help=False)]
    parser = known.add_parser("verify", help=about, description=about, epilog=example, parents=parents)
    parser.set_defaults(run=audit_verifier.main)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number of records from 0 on, and {text!r} is none")
    return int(text)


def _run(work: Work, args: argparse.Namespace) -> int:
    """0: done; 1: refused, or nothing listens there; 3: the log was changed."""
    settings = existing(options.existing_system(args), "token_secret")
    try:
        return options.run_or_fail(
            "audit", functools.partial(_asked, work, settings, args), AlreadyWriting, NotAnswered, ValueError, OSError
        )
    except BaseException as error:
        if (found := options.first_of(error, (NotProved,))) is None:
            raise
        options.fail("audit", found)
        return CHANGED


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
    with Bar("audit export", "records") as bar:
        manifest = await write_export(
            service,
            args.file,
            args.purpose,
            _filters(args),
            form=args.format,
            proofs=args.proofs,
            progress=bar.show,
        )
    line = msgspec.json.encode(manifest).decode() if args.json else f"{manifest['records']} records in {args.file}"
    sys.stdout.write(line + "\n")


async def _checkpoint(service: AuditService, args: argparse.Namespace) -> None:
    tree = await service.tree({"purpose": args.purpose, "wait": "true"})
    sys.stdout.write(msgspec.json.encode(tree).decode() + "\n" if args.json else tree.checkpoint)


async def _proof(service: AuditService, args: argparse.Namespace) -> None:
    found = await inclusion(service, args.id, args.purpose)
    if found is None:
        raise ValueError(f"there is no record {args.id}")
    _print_proof(found, args)


async def _consistency(service: AuditService, args: argparse.Namespace) -> None:
    old, new = _kept(args.old), None if args.new is None else _kept(args.new)
    if old.size == 0:
        raise ValueError("every log begins with the empty one")
    _print_proof(await consistency(service, old, new, args.purpose), args)


def _kept(text: str) -> Kept:
    """Return the tree of a number of records, or of the file of a checkpoint. Raises `ValueError`, `OSError`."""
    if text.isascii() and text.isdecimal():
        return Kept(int(text))
    found = parse(Path(text).read_text(encoding="utf-8"))
    return Kept(found.size, found.root.hex())


def _print_proof(found: Inclusion | Consistency, args: argparse.Namespace) -> None:
    sys.stdout.write((msgspec.json.encode(found).decode() if args.json else str(found)) + "\n")


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
