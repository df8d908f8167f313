"""`caas audit checkpoints`: list the checkpoints that were signed at intervals."""

import argparse
import sys
from typing import Final

import msgspec

from edge.cli.audit_service import AuditService

EXAMPLE: Final = "example: caas audit checkpoints --purpose monthly"


async def show(service: AuditService, args: argparse.Namespace) -> None:
    """Print when each was signed, its number of records and its root, or as JSON Lines with the signed notes. Raises
    `NotAnswered`.
    """
    async for one in service.checkpoints(args.purpose):
        if args.json:
            sys.stdout.write(msgspec.json.encode(one).decode() + "\n")
        else:
            sys.stdout.write(f"{one.signed_at or '-':<24}  {one.size:>12}  {one.root}\n")
