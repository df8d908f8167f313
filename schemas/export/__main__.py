"""`python -m schemas.export`: write the files, check them for drift, or release the events as they are."""

import sys
from collections.abc import Sequence

from schemas.export.files import broken, drift, release, write


def main(arguments: Sequence[str]) -> int:
    """0: done, or all is as it should be; 1: drift, a change that breaks readers, or no such argument."""
    match list(arguments):
        case []:
            wrong, told = [], [f"written: {path}" for path in write()]
        case ["--check"]:
            wrong = told = [*(f"not as the code is: {path}" for path in drift()), *broken()]
        case ["--release"]:
            wrong = told = list(release())
        case _:
            wrong = told = ["usage: python -m schemas.export [--check | --release]"]
    sys.stderr.writelines(f"{line}\n" for line in told)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
