"""Runs the `caas` command as a module, so that it can be profiled: `python -m edge.tools.bench.caas up …`."""

import sys

from edge.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
