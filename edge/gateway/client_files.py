"""Serve the JavaScript client to pages of any origin: `GET /client/caas.js` and the modules that it imports."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

FILES: Final = Path(__file__).parents[1] / "sdk" / "js"
PATH: Final = "/client"
HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""The modules belong together: a browser caches them, and checks each time whether they have changed."""


def add_client_routes(app: web.Application) -> None:
    """Serve each module under its name, with its current contents."""
    for path in sorted(FILES.glob("*.js")):
        app.router.add_get(f"{PATH}/{path.name}", _serving(path.read_bytes()))


def _serving(body: bytes) -> Callable[[web.Request], Awaitable[web.Response]]:
    etag = hashlib.sha256(body).hexdigest()[:32]

    async def serve(request: web.Request) -> web.Response:
        asked = request.if_none_match or ()
        known = any(tag.value in {etag, "*"} for tag in asked)
        response = (
            web.Response(status=304, headers=HEADERS)
            if known
            else web.Response(body=body, content_type="text/javascript", charset="utf-8", headers=HEADERS)
        )
        response.etag = etag
        return response

    return serve
