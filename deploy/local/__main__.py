"""Runs `caas stack` without the rest of CAAS: `python -m deploy.local stack …`."""

from __future__ import annotations

import argparse
import sys

from deploy.local.cli import add_parser, run


def main() -> int:
    """Parse the command line and run it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="The real servers on this machine.")
    add_parser(parser.add_subparsers(dest="command", metavar="COMMAND", required=True))
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
