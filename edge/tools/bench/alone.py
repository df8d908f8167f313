"""Runs a node without processors on the embedded adapters, to measure the edge alone.

`python -m edge.tools.bench.alone` serves until SIGTERM and prints its port. On the stack `caas serve socket`
does the same.
"""

from contextlib import AsyncExitStack

import uvloop

from core import settings
from core.health import Health
from edge.composition import compose
from edge.composition.serving import listening, ready, sockets_open
from edge.process.secrets_file import filled
from edge.process.stopping import on_signals
from edge.socket.transport.server import Entrance, socket_app
from edge.tools.bench import spec


async def serve() -> None:
    """Serve until asked to stop."""
    asked, health = on_signals(), Health()
    found = filled(settings.load(port=0))
    async with AsyncExitStack() as stack:
        ports = await stack.enter_async_context(compose.opened(compose.embedded(found)))
        entrance = Entrance(health)
        port = await stack.enter_async_context(listening(socket_app(entrance, health), found, health))
        await stack.enter_async_context(sockets_open(ports, found, health, entrance))
        await ready(health)
        spec.say({"port": port})
        await asked.wait()


if __name__ == "__main__":
    uvloop.run(serve())
