"""Compliance answers queries of the audit log; each query is in the audit log itself before it is answered."""

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from core.audit.derived import outcome_of
from core.domain.decision import Rejected
from core.health import Health
from core.identity import Identity
from core.ports.audit import Audit
from core.ports.event_log import OutcomeUnknown, Unavailable
from core.ports.memberships import NotReady
from core.settings import Network
from edge.auth.tokens import Tokens
from edge.http.bearer import caller
from edge.http.front_page import COMPLIANCE, add_front_page
from edge.http.health import add_health_routes
from edge.http.problems import CORRELATION_ID, HttpProblem, problems
from projections.queries.audit_records import AuditRecords
from schemas.events import AuditRecorded
from schemas.wire.audit import AUDIT_PATH, AuditQuery
from schemas.wire.errors import problem
from schemas.wire.field_errors import validation_failed

OFFICER: Final = "compliance_officer"
CHECK: Final = "compliance"
QUERY: Final = "audit:query"
RETRY_MS: Final = 500


class Compliance:
    """Answers holders of a token with the role `compliance_officer`, from records of the token's tenant."""

    def __init__(self, tokens: Tokens, records: AuditRecords, audit: Audit) -> None:
        self._tokens = tokens
        self._records = records
        self._audit = audit

    async def query(self, request: web.Request) -> web.Response:
        """Answer `GET`: the parameters are those of `AuditQuery`, the answer is an `AuditPage`."""
        who = caller(request, self._tokens)
        if OFFICER not in who.roles:
            await self._record(request, who, "", "not_allowed")
            raise HttpProblem(problem("not_allowed", f"the audit log is for the role {OFFICER}"))
        query = _query(request)
        await self._record(request, who, query.purpose)
        try:
            if query.wait:
                await self._records.catch_up()
            page = await self._records.page(who.tenant, query)
        except Rejected as error:
            wrong = [{"pointer": pointer, "code": code} for pointer, code in error.errors]
            raise HttpProblem(problem(error.code, error.detail, errors=wrong)) from None
        except NotReady as error:
            raise HttpProblem(problem("not_ready", str(error), retry_after_ms=RETRY_MS)) from None
        except Unavailable as error:
            raise HttpProblem(problem("unavailable", str(error), retry_after_ms=RETRY_MS)) from None
        body = msgspec.json.encode(page)
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _record(self, request: web.Request, who: Identity, purpose: str, code: str | None = None) -> None:
        """Record that somebody looks, or tried to. Raises `HttpProblem`: without a record there is no answer."""
        record = AuditRecorded(
            tenant=who.tenant,
            at=self._audit.now(),
            actor=who.user_id,
            action=QUERY,
            entity_type="audit_log",
            entity_id=request.query_string[:512],
            outcome="success" if code is None else outcome_of(code),
            reason=code,
            address=request.remote,
            agent=request.headers.get("User-Agent", "")[:200] or None,
            purpose=purpose or None,
        )
        try:
            await self._audit.record(record, request[CORRELATION_ID])
        except (Unavailable, OutcomeUnknown) as error:
            raise HttpProblem(problem("unavailable", str(error), retry_after_ms=RETRY_MS)) from None


def _query(request: web.Request) -> AuditQuery:
    try:
        return msgspec.convert(dict(request.query), AuditQuery, strict=False)
    except msgspec.ValidationError as error:
        raise HttpProblem(validation_failed(error)) from None


class ComplianceEntrance:
    """The routes of a process. Until its read models can be asked it answers 503 with the failing checks; the check
    `compliance` fails until then.
    """

    def __init__(self, health: Health) -> None:
        health.expects(CHECK)
        self._health = health
        self._compliance: Compliance | None = None

    def open(self, compliance: Compliance) -> None:
        """Serve these answers from now on."""
        self._compliance = compliance
        self._health.goes_on(CHECK)

    async def query(self, request: web.Request) -> web.Response:
        """Answer a query. Raises `HttpProblem`."""
        if self._compliance is None:
            waiting = ", ".join(self._health.waiting)
            raise HttpProblem(problem("not_ready", f"this service waits for: {waiting}", retry_after_ms=RETRY_MS))
        return await self._compliance.query(request)


def add_routes(app: web.Application, entrance: ComplianceEntrance) -> None:
    """Serve the paths of this service; the application needs the `problems` middleware."""
    app.router.add_get(AUDIT_PATH, entrance.query)


def compliance_app(
    entrance: ComplianceEntrance, health: Health, insiders: Sequence[Network] | None = None
) -> web.Application:
    """Return the compliance service alone, with its health; `insiders` see the causes of failures (None: all do)."""
    app = web.Application(middlewares=[problems])
    add_routes(app, entrance)
    add_front_page(app, "the compliance service", COMPLIANCE)
    add_health_routes(app, health, insiders)
    return app
