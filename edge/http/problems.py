"""Every HTTP error is a problem document (RFC 9457) with a code of the one table, under a correlation id."""

import logging
import math
import re
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

import msgspec
from aiohttp import web

from schemas.wire.errors import ERRORS, Problem, problem
from schemas.wire.tokens import PROBLEM_JSON, ProblemDocument

logger: Final = logging.getLogger("caas.http")
CORRELATION: Final = "X-Correlation-ID"
CORRELATION_ID: Final = web.RequestKey("correlation_id", str)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_CODE_OF_STATUS: Final = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    503: "unavailable",
}
"""What the server itself refuses."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpProblem(Exception):
    """A request that is answered with a problem."""

    def __init__(self, what: Problem) -> None:
        super().__init__(what.detail)
        self.what = what


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its correlation id, and its failure its document."""
    given = request.headers.get(CORRELATION, "").lower()
    request[CORRELATION_ID] = correlation_id = given if _UUID.match(given) else str(uuid4())
    try:
        response = await handler(request)
    except HttpProblem as error:
        response = answer(request, error.what)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = _refused(request, error)
    except (ConnectionError, web.RequestPayloadError) as error:  # the peer's doing, and it hears of it no more
        logger.debug("%s %s broke off: %s", request.method, request.path, error)
        response = answer(request, problem("invalid_json", "the body did not come whole"))
        response.force_close()
    except Exception:
        logger.exception("%s %s failed", request.method, request.path, extra={"correlation_id": correlation_id})
        response = answer(request, problem("internal"))
    if not response.prepared:
        response.headers[CORRELATION] = correlation_id
    return response


def answer(request: web.Request, what: Problem, status: int | None = None) -> web.Response:
    """The response for a problem; `status` is the table's unless given."""
    status = status or ERRORS[what.code].status
    document = ProblemDocument(
        type=f"urn:caas:error:{what.code}",
        title=what.title,
        status=status,
        detail=what.detail,
        instance=request.path,
        code=what.code,
        correlation_id=request[CORRELATION_ID],
        retry=what.retry,
        retry_after_ms=what.retry_after_ms,
        errors=what.errors,
    )
    later = {} if what.retry_after_ms is None else {"Retry-After": str(math.ceil(what.retry_after_ms / 1000))}
    return web.Response(status=status, body=msgspec.json.encode(document), content_type=PROBLEM_JSON, headers=later)


def _refused(request: web.Request, error: web.HTTPException) -> web.Response:
    """What aiohttp itself refused, in our words."""
    code = _CODE_OF_STATUS.get(error.status, "internal" if error.status >= 500 else "validation_failed")
    detail = {400: error.text or "", 405: f"{request.method} is not allowed here"}.get(error.status, "")
    response = answer(request, problem(code, detail), error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
