"""Gateway exchanges the key of an application's server for a user's token; no messages pass through it."""

import hmac
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from core.health import Health
from core.settings import Network, Settings, networks
from edge.auth.tokens import Tokens
from edge.gateway.client_files import add_client_routes
from edge.gateway.live_sockets import LiveSockets
from edge.gateway.token_trail import TokenTrail
from edge.http.body import body_of
from edge.http.front_page import GATEWAY, add_front_page
from edge.http.health import add_health_routes
from edge.http.problems import HttpProblem, problems
from schemas.wire.errors import problem
from schemas.wire.tokens import APP_KEY, APP_SECRET, TOKEN_PATH, TokenAnswer, TokenRequest

BODY_BYTES: Final = 16_384
_request: Final = msgspec.json.Decoder(TokenRequest)


class Gateway:
    """Issues tokens of `settings.tenant` to callers with the app's key and secret; if no secret is set, to nobody. Each
    is in `trail`.

    Its answers have `socket_urls`; if there are none, the URLs of live nodes; without those, the host of the request.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        trail: TokenTrail,
        socket_urls: Sequence[str] = (),
        living: LiveSockets | None = None,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._trail = trail
        self._socket_urls = socket_urls
        self._living = living

    @property
    def insiders(self) -> Sequence[Network]:
        """The networks whose clients see the causes of failed checks."""
        return networks(self._settings.health_networks)

    async def token(self, request: web.Request) -> web.Response:
        """Answer `POST {"user_id", "names"}` with `X-App-Key` and `X-App-Secret`."""
        self._admit(request)
        asked = await body_of(request, _request, BODY_BYTES)
        self._trail.require_open()
        token, expires_in = self._tokens.issue(self._settings.tenant, asked.user_id, asked.names)
        self._trail.issued(request, asked.user_id, names=bool(asked.names))
        urls = await self._urls(request)
        body = msgspec.json.encode(TokenAnswer(token=token, expires_in=expires_in, socket_urls=urls))
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _urls(self, request: web.Request) -> list[str]:
        if self._socket_urls or self._living is None:
            return list(self._socket_urls) or [f"{'wss' if request.secure else 'ws'}://{request.host}/socket"]
        return await self._living.urls()

    def _admit(self, request: web.Request) -> None:
        """Check key and secret, always both and in constant time. Raises `HttpProblem`."""
        key = _same(request.headers.get(APP_KEY, ""), self._settings.app_key)
        secret = _same(request.headers.get(APP_SECRET, ""), self._settings.app_secret)
        if not (key and secret and self._settings.app_key and self._settings.app_secret):
            self._trail.refused(request, "unauthorized")
            raise HttpProblem(problem("unauthorized", f"{APP_KEY} and {APP_SECRET} do not belong to an app"))


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogateescape"), wanted.encode())


def add_routes(app: web.Application, gateway: Gateway) -> None:
    """Serve the gateway's paths; the application needs the `problems` middleware."""
    app.router.add_post(TOKEN_PATH, gateway.token)
    add_client_routes(app)


def gateway_app(gateway: Gateway, health: Health) -> web.Application:
    """Return the gateway alone, with its health."""
    app = web.Application(middlewares=[problems])
    add_routes(app, gateway)
    add_front_page(app, "a gateway", GATEWAY)
    add_health_routes(app, health, gateway.insiders)
    return app
