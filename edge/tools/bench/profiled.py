"""Runs a module under cProfile and leaves the profile in a file.

`python -m edge.tools.bench.profiled FILE MODULE ARGS…`.

Times are the main thread's own CPU time: waiting costs nothing here, nor what runs in other threads (SQLite, DNS).
"""

import cProfile
import io
import pstats
import runpy
import sys
import time
from pathlib import Path
from typing import Final

TOP: Final = 25


def main() -> None:
    """Run the module as if it were called by its name."""
    file, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    profile = cProfile.Profile(time.thread_time)
    profile.enable()
    try:
        runpy.run_module(module, run_name="__main__")
    finally:
        profile.disable()
        profile.dump_stats(file)


def top(file: Path) -> str:
    """The functions that took the most time of their own."""
    text = io.StringIO()
    pstats.Stats(str(file), stream=text).sort_stats("tottime").print_stats(TOP)
    return text.getvalue()


if __name__ == "__main__":
    main()
