"""`caas audit counts`: print how often what happened, by action, actor, day or outcome."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from edge.cli.audit_service import AuditService
from schemas.wire.audit import AuditCount

FIELDS: Final = ("action", "actor", "day", "outcome")
FILTERS: Final = {
    "actor": ("ID", "of this user"),
    "action": ("NAME", "such as message:send or audit:query"),
    "outcome": ("WORD", "success, failure or denied"),
    "from": ("DAY", "not before this day of UTC, such as 2026-11-20"),
    "to": ("DAY", "before this day"),
}
EXAMPLE: Final = "example: caas audit counts --by day,action --from 2026-11-01 --to 2026-12-01 --purpose monthly"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `show` needs."""
    parser.add_argument("--by", required=True, metavar="FIELD,…", help=f"some of {', '.join(FIELDS)}")
    for name, (metavar, about) in FILTERS.items():
        parser.add_argument(f"--{name}", metavar=metavar, help=about)


async def show(service: AuditService, args: argparse.Namespace) -> None:
    """Print the counts as a table, or as the service answers. Raises `NotAnswered`."""
    given = {name: getattr(args, name) for name in FILTERS if getattr(args, name) is not None}
    asked = {**given, "by": args.by.replace(" ", ""), "purpose": args.purpose, "wait": "true"}
    found = await service.counts(asked)
    if args.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.write(table(list(dict.fromkeys(asked["by"].split(","))), found.counts))


def table(fields: Sequence[str], counts: Sequence[AuditCount]) -> str:
    """Return the counts in columns, with a line of their names."""
    lines = [[*fields, "count", "records"]]
    lines += [[*(str(getattr(one, name)) for name in fields), str(one.count), str(one.records)] for one in counts]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(_line(line, widths, len(fields)) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    """Return one line; the first `left` cells begin at the left, the others, numbers, end at the right."""
    aligned = [
        cell.ljust(width) if at < left else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned) + "\n"
