"""The `caas` command as a module: what users run, `python -m edge.bench.caas up …`, so that it can be profiled."""

import sys

from edge.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
