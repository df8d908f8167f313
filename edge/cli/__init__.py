"""The `caas` command: every verb has help with an example, `--json` for programs, and an exit status that tells."""

import argparse
import logging
import sys
from typing import Final

from core import settings
from deploy.local import cli as stack
from edge.cli import bench, conformance, play, rebuild, rollback, serve, tokens, topics, transcript, up, verify, worker

OK: Final = 0
USAGE: Final = 2


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="caas",
        description="Chat as a Service: a self-hosted, event-sourced chat core.",
        epilog="example: caas up --data ./chat, then in another terminal: caas token ann --data ./chat",
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for module in (
        up,
        tokens,
        serve,
        worker,
        topics,
        stack,
        play,
        transcript,
        rebuild,
        rollback,
        verify,
        conformance,
        bench,
    ):
        module.add_parser(verbs)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one verb. 0: done, 1: failed, 2: usage or settings; some verbs have more."""
    args = parser().parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    try:
        status: int = args.run(args)
    except settings.InvalidSettings as error:
        sys.stderr.write(f"caas {args.verb}: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        return 130
    return status
