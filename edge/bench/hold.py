"""Idle connections: `python -m edge.bench.hold SPEC` opens them, says so, and keeps them until its input ends."""

import asyncio
import sys

import uvloop

from edge.bench import spec
from edge.bench.load import connect
from edge.bench.spec import Hold


async def hold(what: Hold) -> None:
    """Connect and stay."""
    lines = await connect(what.port, what.tokens)
    spec.say({"connected": len(lines)})
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(hold(spec.given(Hold)))
