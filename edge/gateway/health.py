"""Health over HTTP: alive says only that the loop turns, ready that nothing waits."""

from typing import Any, Final

import msgspec
from aiohttp import web

from core.health import Health

MEDIA_TYPE: Final = "application/health+json"


def add_health_routes(app: web.Application, health: Health) -> None:
    """Serve `/livez`, `/readyz` (every check, 503 while one fails) and `/health` (the same, and counts)."""

    async def livez(_: web.Request) -> web.Response:
        return _answer({"status": "pass"})

    async def readyz(_: web.Request) -> web.Response:
        return _answer(_state(health))

    async def whole(_: web.Request) -> web.Response:
        return _answer(_state(health) | {"counted": dict(health.counted)})

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/health", whole)


def _state(health: Health) -> dict[str, Any]:
    found = health.checks()
    checks = {name: [check._asdict() if check.output else {"status": check.status}] for name, check in found.items()}
    statuses = {check.status for check in found.values()}
    status = next((one for one in ("fail", "warn") if one in statuses), "pass")
    return {"status": status, "checks": checks}


def _answer(body: dict[str, Any]) -> web.Response:
    status = 503 if body["status"] == "fail" else 200
    headers = {"Cache-Control": "no-store"}
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=MEDIA_TYPE, headers=headers)
