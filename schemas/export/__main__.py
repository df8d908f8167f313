"""`python -m schemas.export`: write the files, check them for drift, or release the events as they are."""

import sys
from collections.abc import Sequence

from schemas.export import python_client
from schemas.export.files import broken, drift, release, write


def main(arguments: Sequence[str]) -> int:
    """Return 0 on success; 1 for drift, a change that breaks readers, or an unknown argument."""
    match list(arguments):
        case []:
            wrong, lines = [], [f"written: {path}" for path in (*write(), *python_client.write())]
        case ["--check"]:
            wrong = lines = [*(f"not up to date: {path}" for path in (*drift(), *python_client.drift())), *broken()]
        case ["--release"]:
            wrong = lines = list(release())
        case _:
            wrong = lines = ["usage: python -m schemas.export [--check | --release]"]
    sys.stderr.writelines(f"{line}\n" for line in lines)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
