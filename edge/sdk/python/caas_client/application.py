"""An application at its gateway: the clients of its users, whose tokens are fetched and renewed."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import aiohttp

from .client import Client
from .lane_positions import Vector
from .line import PATIENCE_S
from .pipeline import WAITING
from .tokens import GatewayTokens


class Application:
    """For a server that has an app's key and secret: `async with await application.client("ann") as ann:`.

    It must outlive its clients.
    """

    def __init__(self, url: str, app_key: str, app_secret: str) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._tokens = GatewayTokens(self._session, url, app_key, app_secret)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def client(
        self,
        user_id: str,
        *,
        positions: Vector | None = None,
        patience: float = PATIENCE_S,
        waiting: int = WAITING,
        hears: bool = True,
        device: str | None = None,
        names: Sequence[str] = (),
    ) -> Client:
        """A user's client, not connected yet, that may open the application's conversations whose external ids begin
        with one of `names`. Raises `TokenRefused`, and aiohttp's errors of a gateway that is down.
        """
        first = await self._tokens.issue(user_id, names)
        return Client(
            first.socket_urls,
            self._tokens.source(user_id, first, names),
            session=self._session,
            positions=positions,
            patience=patience,
            waiting=waiting,
            hears=hears,
            device=device,
        )

    async def close(self) -> None:
        """To be called when its clients are closed."""
        await self._session.close()
