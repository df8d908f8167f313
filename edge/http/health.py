"""Serve health over HTTP: alive means only that the loop runs, ready that no check fails.

Causes name addresses and paths, and counters and metrics show who is refused: clients outside our networks receive
none of them.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from core.health import Health, Labelled, Status
from core.settings import Network, is_within
from edge.http.metrics import add_metrics_route

MEDIA_TYPE: Final = "application/health+json"
SEVERITY: Final[dict[Status, float]] = {"pass": 0, "warn": 1, "fail": 2}
"""The values of the gauge of a check."""
PROXIED: Final = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
"""Headers that proxies add to a request."""


def add_health_routes(app: web.Application, health: Health, insiders: Sequence[Network] | None = None) -> None:
    """Serve `/livez`, `/readyz` (every check, 503 while one fails), `/health` (the same, and numbers) and `/metrics`.

    If there are `insiders`, all others receive the status alone, and no metrics.
    """
    health.labelled_gauge("check_status", "checks", lambda: _severities(health))

    async def livez(_: web.Request) -> web.Response:
        return _answer({"status": "pass"})

    async def readyz(request: web.Request) -> web.Response:
        return _answer(_state(health) if sees_details(request) else _short(health))

    async def whole(request: web.Request) -> web.Response:
        details = sees_details(request)
        return _answer(_state(health) | _numbers(health) if details else _short(health))

    def sees_details(request: web.Request) -> bool:
        return insiders is None or is_insider(request, insiders)

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/health", whole)
    add_metrics_route(app, health, sees_details)


def is_insider(request: web.BaseRequest, insiders: Sequence[Network]) -> bool:
    """Return whether a request comes directly from these networks: the client behind a proxy there is unknown."""
    return not any(name in request.headers for name in PROXIED) and is_within(request.remote, insiders)


def _numbers(health: Health) -> dict[str, Any]:
    return {"counted": dict(health.counted), "gauges": health.gauges()}


def _severities(health: Health) -> Labelled:
    return {(name,): SEVERITY[check.status] for name, check in health.checks().items()}


def _short(health: Health) -> dict[str, Any]:
    return {"status": _state(health)["status"]}


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
