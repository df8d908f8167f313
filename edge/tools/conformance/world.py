"""World gives every check tokens of the application, the nodes, and new user names."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from edge.sdk.python.caas_client.tokens import GatewayTokens
from edge.tools.conformance.line import Line, opened


@dataclass(frozen=True, slots=True)
class World:
    """The tokens, nodes and users of one check; `run` is in all its names."""

    session: ClientSession
    tokens: GatewayTokens
    urls: tuple[str, ...]
    run: str

    def user(self, name: str) -> str:
        """Return the id of a user of this check alone."""
        return f"{name}.{self.run}"

    async def token(self, name: str, names: Sequence[str] = ()) -> str:
        """Return a token of this check's user, who may open such `names` for the application."""
        return (await self.tokens.issue(self.user(name), names)).token

    def raw(self, **more: Any) -> AbstractAsyncContextManager[Line]:
        """Open a line that has not logged in."""
        return opened(self.session, self.urls[0], "nobody", **more)

    async def line(self, name: str, node: int = 0, *, names: Sequence[str] = ()) -> AbstractAsyncContextManager[Line]:
        """Open a line of this check's user and log in; `node` chooses the node where there are several."""
        url = self.urls[node % len(self.urls)]
        return opened(self.session, url, self.user(name), token=await self.token(name, names))

    async def room(self, owner: Line, *names: str) -> str:
        """Create a conversation of this owner with these users; return its id."""
        data = {"external_id": f"{self.run}.{len(owner.said)}", "participants": [self.user(name) for name in names]}
        found: str = (await owner.done("conversation:create", data))["conversation_id"]
        return found
