"""What every check is given: tokens of the application, the nodes, and names that nobody had before."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from edge.sdk.python.caas_client.tokens import GatewayTokens
from edge.tools.conformance.line import Line, opened


@dataclass(frozen=True, slots=True)
class World:
    """One check's world; `run` is in all its names."""

    session: ClientSession
    tokens: GatewayTokens
    urls: tuple[str, ...]
    run: str

    def user(self, name: str) -> str:
        """A user of this check alone."""
        return f"{name}.{self.run}"

    async def token(self, name: str, names: Sequence[str] = ()) -> str:
        """A token of this check's user, who may open such `names` for the application."""
        return (await self.tokens.issue(self.user(name), names)).token

    def raw(self, **more: Any) -> AbstractAsyncContextManager[Line]:
        """A line that has not said who it is."""
        return opened(self.session, self.urls[0], "nobody", **more)

    async def line(self, name: str, node: int = 0, *, names: Sequence[str] = ()) -> AbstractAsyncContextManager[Line]:
        """A line of this check's user that was greeted; to another node where there are several."""
        url = self.urls[node % len(self.urls)]
        return opened(self.session, url, self.user(name), token=await self.token(name, names))

    async def room(self, owner: Line, *names: str) -> str:
        """A new conversation of this owner with these users."""
        data = {"external_id": f"{self.run}.{len(owner.said)}", "participants": [self.user(name) for name in names]}
        found: str = (await owner.done("conversation:create", data))["conversation_id"]
        return found
