"""`python -m schemas.export`: write the files, check them for drift, or release the events as they are."""

import sys
from collections.abc import Sequence

from schemas.export import python_client
from schemas.export.files import broken, drift, release, write


def clients_written() -> list[str]:
    """Update the generated modules of all Python clients; return those that changed."""
    return [f"{client.name}/{path}" for client in python_client.CLIENTS for path in python_client.write(client)]


def clients_drift() -> list[str]:
    """Return the generated modules of all Python clients that do not match the language."""
    return [f"{client.name}/{path}" for client in python_client.CLIENTS for path in python_client.drift(client)]


def main(arguments: Sequence[str]) -> int:
    """Return 0 on success; 1 for drift, a change that breaks readers, or an unknown argument."""
    match list(arguments):
        case []:
            wrong, lines = [], [f"written: {path}" for path in (*write(), *clients_written())]
        case ["--check"]:
            wrong = lines = [*(f"not up to date: {path}" for path in (*drift(), *clients_drift())), *broken()]
        case ["--release"]:
            wrong = lines = list(release())
        case _:
            wrong = lines = ["usage: python -m schemas.export [--check | --release]"]
    sys.stderr.writelines(f"{line}\n" for line in lines)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
