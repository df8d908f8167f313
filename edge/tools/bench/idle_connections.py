"""Opens idle connections, prints their number, and keeps them until its input ends.

Run by `python -m edge.tools.bench.idle_connections SPEC`.
"""

import asyncio
import sys

import uvloop

from edge.tools.bench import spec
from edge.tools.bench.load import connect
from edge.tools.bench.spec import Hold


async def hold(what: Hold) -> None:
    """Connect and stay connected."""
    lines = await connect(what.port, what.tokens)
    spec.say({"connected": len(lines)})
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(hold(spec.given(Hold)))
