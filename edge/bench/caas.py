"""The `caas` command as a module: `python -m edge.bench.caas up …` is what users run, on the interpreter of the bench."""

import sys

from edge.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
