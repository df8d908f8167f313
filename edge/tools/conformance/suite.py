"""Runs checks one after another against a system, each with separate users, and reports which rules hold."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import aiohttp
import msgspec

from edge.process.first_error import leaf_of
from edge.sdk.python.caas_client.tokens import GatewayTokens
from edge.tools.conformance.line import Failed, Unwanted
from edge.tools.conformance.world import World

Check = Callable[[World], Awaitable[None]]
"""Its docstring is the rule; it raises `Failed` or `Unwanted` where a node does not keep it."""

CHECK_TIMEOUT_S: Final = 60.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one rule; `why` is empty where it holds, `tested` is how often it was tested."""

    name: str
    rule: str
    why: str
    tested: int = 1

    @property
    def holds(self) -> bool:
        """Whether no violation was seen."""
        return not self.why


async def run(
    url: str,
    app_key: str,
    app_secret: str,
    checks: Sequence[Check],
    *,
    nodes: Sequence[str] = (),
    report: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Run all checks; return the results, each reported as it arrives. `nodes` replace the sockets of the gateway.

    Raises `TokenRefused` and `aiohttp.ClientError` where the gateway gives no token.
    """
    urls = tuple(nodes or await nodes_of(url, app_key, app_secret))
    async with aiohttp.ClientSession() as session:
        tokens = GatewayTokens(session, url, app_key, app_secret)
        found = []
        for check in checks:
            world = World(session, tokens, urls, secrets.token_hex(6))
            found.append(await held(check, world))
            report(found[-1])
        return found


async def nodes_of(url: str, app_key: str, app_secret: str) -> list[str]:
    """Return the sockets that the gateway names. Raises as `run`."""
    async with aiohttp.ClientSession() as session:
        return (await GatewayTokens(session, url, app_key, app_secret).issue("conformance")).socket_urls


async def held(check: Check, world: World) -> Result:
    """Run one check; return its result."""
    why = ""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check(world)
    except* (Failed, Unwanted) as wrong:
        why = str(leaf_of(wrong))
    except* TimeoutError:
        why = f"not over within {CHECK_TIMEOUT_S:g} s"
    return Result(name=check.__name__, rule=" ".join((check.__doc__ or "").split()), why=why)
