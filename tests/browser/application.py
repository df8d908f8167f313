"""A typical application: a page, and a server that fetches tokens for its users from the gateway."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

HERE = Path(__file__).parent
PAGES = {"": "text/html", "page.js": "text/javascript", "units.js": "text/javascript"}


@dataclass
class Application:
    """`ready` is the ready line of `caas up`; `changes` maps the gateway's answer to the answer that a page gets."""

    ready: dict[str, Any]
    url: str = ""
    tokens: list[str] = field(default_factory=list)
    changes: Callable[[dict[str, Any]], dict[str, Any]] = lambda granted: granted

    async def token(self, request: web.Request) -> web.Response:
        """Answer with a user's token. A real application knows the user from its login."""
        user = request.match_info["user"]
        headers = {"X-App-Key": self.ready["app_key"], "X-App-Secret": self.ready["app_secret"]}
        where = f"{self.ready['url']}/api/v1/auth/sdk/token"
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(where, json={"user_id": user}, headers=headers) as answer,
            ):
                granted = await answer.json()
        except aiohttp.ClientConnectionError:
            return web.Response(status=503)
        self.tokens.append(user)
        return web.json_response(self.changes(granted))


def _page(name: str) -> Callable[[web.Request], Any]:
    async def serve(_: web.Request) -> web.Response:
        text = (HERE / (name or "page.html")).read_text()
        return web.Response(text=text, content_type=PAGES[name], headers={"Cache-Control": "no-store"})

    return serve


@asynccontextmanager
async def serving(application: Application) -> AsyncIterator[Application]:
    """Serve the application on a free port."""
    app = web.Application()
    app.router.add_post("/token/{user}", application.token)
    for name in PAGES:
        app.router.add_get(f"/{name}", _page(name))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        application.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield application
    finally:
        await runner.cleanup()
