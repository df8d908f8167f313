"""Tests a client through a faulty proxy that watches its frames."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge.tools.conformance.client_checks import RULES, Client
from edge.tools.conformance.faults import Faulty
from edge.tools.conformance.proxy import proxied
from edge.tools.conformance.suite import Result


class Watch:
    """The address that the client under test connects to, and its results so far."""

    def __init__(self, url: str, client: Client) -> None:
        self.url = url
        self.client = client

    def results(self) -> list[Result]:
        """End the test; return one result per rule."""
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
    """Run a proxy between one client and this node, on loopback; its faults derive from `seed`.

    Raises `CannotListen`.
    """
    client, chance = Client(time.monotonic), random.Random(seed)  # noqa: S311 - nothing secret is made of it
    async with proxied(gateway, node, lambda: Faulty(client, chance), port=port) as proxy:
        yield Watch(proxy.url, client)
