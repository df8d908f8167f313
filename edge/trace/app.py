"""Tracing answers what became of a request, by its correlation id; each look is in the audit log before it is answered.

An answer has ids, sizes, times and decisions, never content.
"""

from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web

from core.audit.derived import outcome_of
from core.health import Health
from core.identity import Identity
from core.ports.audit import Audit
from core.ports.event_log import Unavailable
from edge.auth.tokens import Tokens
from edge.http.bearer import caller
from edge.http.problems import HttpProblem
from edge.http.request_record import RETRY_MS, record_request
from projections.queries.trace_records import TraceRecords
from schemas.wire.errors import problem
from schemas.wire.field_errors import validation_failed
from schemas.wire.trace import TRACE_PATH, Trace, TraceQuery

SRE: Final = "sre"
READ: Final = "trace:read"
CHECK: Final = "trace-service"
MAX_ID_CHARS: Final = 64


class Tracing:
    """Answers holders of a token with the role `sre`, from records of the token's tenant."""

    def __init__(self, tokens: Tokens, records: TraceRecords, audit: Audit) -> None:
        self._tokens = tokens
        self._records = records
        self._audit = audit

    async def read(self, request: web.Request) -> web.Response:
        """Answer `GET`: the parameters are those of `TraceQuery`, the answer is a `Trace`. Raises `HttpProblem`."""
        who = caller(request, self._tokens)
        if SRE not in who.roles:
            await self._record(request, who, "not_allowed")
            raise HttpProblem(problem("not_allowed", f"traces are for the role {SRE}"))
        correlation_id, query = _correlation_id(request), _query(request)
        await self._record(request, who)
        try:
            found = await self._found(who.tenant, correlation_id, wait=query.wait)
        except Unavailable as error:
            raise HttpProblem(problem("unavailable", str(error), retry_after_ms=RETRY_MS)) from None
        if not found.entries:
            behind = f", which has {found.behind} records of the log still to read" if found.behind else ""
            raise HttpProblem(problem("not_found", f"no record of {correlation_id} is in the read model{behind}"))
        body = msgspec.json.encode(found)
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _found(self, tenant: str, correlation_id: str, *, wait: bool) -> Trace:
        if not wait:
            return await self._records.trace(tenant, correlation_id)
        await self._records.catch_up()
        return await self._records.settled(tenant, correlation_id)

    async def _record(self, request: web.Request, who: Identity, code: str | None = None) -> None:
        """Record that somebody looks, or tried to. Raises `HttpProblem`: without a record there is no answer."""
        await record_request(
            self._audit,
            request,
            who,
            action=READ,
            entity=("correlation", request.match_info["id"][:MAX_ID_CHARS]),
            outcome="success" if code is None else outcome_of(code),
            reason=code,
        )


def _correlation_id(request: web.Request) -> str:
    """Return the id that is asked for, in small letters. Raises `HttpProblem`."""
    given = request.match_info["id"].lower()
    try:
        found = str(UUID(given))
    except ValueError:
        found = ""
    if found != given:  # UUID takes other forms, too
        errors = [{"pointer": "/id", "code": "value"}]
        raise HttpProblem(problem("validation_failed", "a correlation id is a UUID", errors=errors))
    return given


def _query(request: web.Request) -> TraceQuery:
    try:
        return msgspec.convert(dict(request.query), TraceQuery, strict=False)
    except msgspec.ValidationError as error:
        raise HttpProblem(validation_failed(error)) from None


class TraceEntrance:
    """The route of a process. Until its read model can be asked it answers 503 with the failing checks; the check
    `trace-service` fails until then.
    """

    def __init__(self, health: Health) -> None:
        health.expects(CHECK)
        self._health = health
        self._tracing: Tracing | None = None

    def open(self, tracing: Tracing) -> None:
        """Serve these answers from now on."""
        self._tracing = tracing
        self._health.goes_on(CHECK)

    async def read(self, request: web.Request) -> web.Response:
        """Answer what became of a request. Raises `HttpProblem`."""
        if self._tracing is None:
            waiting = ", ".join(self._health.waiting)
            raise HttpProblem(problem("not_ready", f"this service waits for: {waiting}", retry_after_ms=RETRY_MS))
        return await self._tracing.read(request)


def add_routes(app: web.Application, entrance: TraceEntrance) -> None:
    """Serve the path of traces; the application needs the `problems` middleware."""
    app.router.add_get(TRACE_PATH, entrance.read)
