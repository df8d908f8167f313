"""A client under test: it talks through a faulty proxy, and is watched there."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge.tools.conformance.client_checks import RULES, Client
from edge.tools.conformance.faults import Faulty
from edge.tools.conformance.proxy import proxied
from edge.tools.conformance.suite import Result


class Watch:
    """Where the client under test connects to, and what came of it so far."""

    def __init__(self, url: str, client: Client) -> None:
        self.url = url
        self.client = client

    def results(self) -> list[Result]:
        """One result per rule; the client is taken to be done."""
        self.client.over()
        return [
            Result(
                name=name,
                rule=rule,
                why="; ".join(self.client.wrong.get(name, [])[:3]),
                tested=self.client.seen[name],
            )
            for name, rule in RULES.items()
        ]


@asynccontextmanager
async def watching(gateway: str, node: str, *, port: int, seed: int) -> AsyncIterator[Watch]:
    """Stand between one client and this node, on loopback; what the lines suffer is made from `seed`.

    Raises `CannotListen`.
    """
    client, chance = Client(time.monotonic), random.Random(seed)  # noqa: S311 - nothing secret is made of it
    async with proxied(gateway, node, lambda: Faulty(client, chance), port=port) as proxy:
        yield Watch(proxy.url, client)
