"""Answer every HTTP error with a problem document (RFC 9457), a code of the error table and a correlation id."""

import logging
import math
import re
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

import msgspec
from aiohttp import web

from schemas import trace_context
from schemas.wire.errors import ERRORS, Problem, problem
from schemas.wire.tokens import PROBLEM_JSON, ProblemDocument

logger: Final = logging.getLogger("caas.http")
CORRELATION: Final = "X-Correlation-ID"
CORRELATION_ID: Final = web.RequestKey("correlation_id", str)
TRACEPARENT: Final = web.RequestKey("traceparent", str)
"""The trace context that a request came with, empty if it has none that is valid."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_CODE_OF_STATUS: Final = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    503: "unavailable",
}
"""The error codes of what the server itself refuses."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpProblem(Exception):
    """A request that is answered with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request a correlation id and a trace context, and each failure a problem document."""
    given = request.headers.get(CORRELATION, "").lower()
    request[CORRELATION_ID] = correlation_id = given if _UUID.match(given) else str(uuid4())
    request[TRACEPARENT] = trace_context.accepted(request.headers.get("traceparent", ""))
    try:
        response = await handler(request)
    except HttpProblem as error:
        response = answer(request, error.problem)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = _refused(request, error)
    except (ConnectionError, web.RequestPayloadError) as error:  # the peer broke it off, and may not receive the answer
        logger.debug("%s %s broke off: %s", request.method, request.path, error)
        response = answer(request, problem("invalid_json", "the body did not come whole"))
        response.force_close()
    except Exception:
        logger.exception("%s %s failed", request.method, request.path, extra={"correlation_id": correlation_id})
        response = answer(request, problem("internal"))
    if not response.prepared:
        response.headers[CORRELATION] = correlation_id
    return response


def answer(request: web.Request, found: Problem, status: int | None = None) -> web.Response:
    """Return the response for a problem; `status` is that of the error table unless given."""
    status = status or ERRORS[found.code].status
    document = ProblemDocument(
        type=f"urn:caas:error:{found.code}",
        title=found.title,
        status=status,
        detail=found.detail,
        instance=request.path,
        code=found.code,
        correlation_id=request[CORRELATION_ID],
        retry=found.retry,
        retry_after_ms=found.retry_after_ms,
        errors=found.errors,
    )
    later = {} if found.retry_after_ms is None else {"Retry-After": str(math.ceil(found.retry_after_ms / 1000))}
    return web.Response(status=status, body=msgspec.json.encode(document), content_type=PROBLEM_JSON, headers=later)


def _refused(request: web.Request, error: web.HTTPException) -> web.Response:
    """Return the problem document for what aiohttp itself refused."""
    code = _CODE_OF_STATUS.get(error.status, "internal" if error.status >= 500 else "validation_failed")
    detail = {400: error.text or "", 405: f"{request.method} is not allowed here"}.get(error.status, "")
    response = answer(request, problem(code, detail), error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
