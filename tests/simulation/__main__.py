"""`python -m tests.simulation SEED`: print the events of the world of one seed, and the laws that it broke."""

import logging
import sys

from tests.simulation.laws import broken
from tests.simulation.world import played


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    logging.disable(logging.CRITICAL)
    world = played(int(arguments[0]))
    print(*world.trace, sep="\n")
    found = broken(world)
    print(*(found or ["all laws hold"]), sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
