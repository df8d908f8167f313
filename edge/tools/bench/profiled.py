"""Runs a module under cProfile and writes the profile to a file.

`python -m edge.tools.bench.profiled FILE MODULE ARGS…`.

Times are the main thread's own CPU time: waiting does not count, nor does work in other threads (SQLite, DNS).
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
    """Run the module as `__main__`."""
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
    """Return the functions with the most own time."""
    text = io.StringIO()
    pstats.Stats(str(file), stream=text).sort_stats("tottime").print_stats(TOP)
    return text.getvalue()


if __name__ == "__main__":
    main()
