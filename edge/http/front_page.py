"""Serve `GET /`: a plain page for a person who opens the address in a browser, with the paths and documents."""

import html
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from aiohttp import web

from schemas.wire.audit import AUDIT_PATH, CHECKPOINTS_PATH, COUNTS_PATH, TREE_PATH
from schemas.wire.audit_report import REPORTS_PATH
from schemas.wire.frames import SUBPROTOCOL
from schemas.wire.tokens import APP_KEY, APP_SECRET, TOKEN_PATH
from schemas.wire.trace import TRACE_PATH

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
Row = tuple[str, str]
"""A path and its meaning; both are text."""

HEALTH: Final[Sequence[Row]] = (
    ("/livez", "whether this process is alive"),
    ("/readyz", "whether it is ready, and what it waits for"),
    ("/health", "the same, and what it has counted"),
    ("/metrics", "what it has counted and measured, for Prometheus"),
)
GATEWAY: Final[Sequence[Row]] = (
    (f"POST {TOKEN_PATH}", f"a token for a user, for applications that show {APP_KEY} and {APP_SECRET}"),
    ("/client/caas.js", "the client for browsers, an ES module"),
)
SOCKET: Final[Sequence[Row]] = (("WebSocket /socket", f"the chat itself, subprotocol {SUBPROTOCOL}"),)
COMPLIANCE: Final[Sequence[Row]] = (
    (f"GET {AUDIT_PATH}", "the audit log, for tokens with the role compliance_officer"),
    (f"GET {COUNTS_PATH}", "how many of its records there are by action, actor and day, for the same"),
    (f"GET {TREE_PATH}", "the signed checkpoint of its Merkle tree, for the same"),
    (f"GET {CHECKPOINTS_PATH}", "the checkpoints that were signed at intervals, for the same"),
    (f"POST {REPORTS_PATH}", "records what another service does, for tokens with the role service"),
    (f"POST {AUDIT_PATH}", "records what an operator does, for tokens with the role admin"),
)
TRACE: Final[Sequence[Row]] = ((f"GET {TRACE_PATH}", "what became of a request, for tokens with the role sre"),)
DOCUMENTS: Final[Sequence[Row]] = (
    ("README.md", "a first chat in five minutes"),
    ("docs/clients.md", "the clients for Python and for browsers"),
    ("docs/protocol.md", "every frame of the socket"),
    ("docs/operations.md", "settings, commands, health, backups"),
)
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CAAS</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td {{ padding: .25rem 1rem .25rem 0; vertical-align: top; overflow-wrap: anywhere }}
td:first-child {{ width: 45% }}
footer {{ margin-top: 2rem; opacity: .7 }}
</style>
</head>
<body>
<h1>CAAS</h1>
<p>This is {what} of CAAS, a self-hosted chat core. People use it through an application; there is nothing to log in to
here.</p>
<h2>Here</h2>
<table>{here}</table>
<h2>In the project's files</h2>
<table>{documents}</table>
<footer>caas {version}</footer>
</body>
</html>
"""


def add_front_page(app: web.Application, what: str, here: Sequence[Row]) -> None:
    """Serve the page at `/`: `what` names this service, and `here` has its paths."""
    page = _PAGE.format(
        what=html.escape(what),
        here="".join(_row(path, meaning) for path, meaning in (*here, *HEALTH)),
        documents="".join(_row(path, meaning) for path, meaning in DOCUMENTS),
        version=html.escape(version("caas")),
    ).encode()

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=page, content_type="text/html", charset="utf-8", headers=HEADERS)

    app.router.add_get("/", serve)


def _row(path: str, meaning: str) -> str:
    """Return a row of a table; a path that a browser can open is a link."""
    shown = f"<code>{html.escape(path)}</code>"
    shown = f'<a href="{html.escape(path)}">{shown}</a>' if path.startswith("/") else shown
    return f"<tr><td>{shown}</td><td>{html.escape(meaning)}</td></tr>"
