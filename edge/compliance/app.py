"""Compliance answers queries of the audit log; each query is in the audit log itself before it is answered."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from core.audit.checkpoint import Checkpoint, origin_of, parse, sign
from core.audit.derived import outcome_of
from core.audit.note import NoteRejected, SigningKey
from core.domain.decision import Rejected, field_error
from core.health import Health
from core.identity import Identity
from core.ports.audit import Audit
from core.ports.checkpoints import Checkpoints
from core.ports.event_log import Unavailable
from core.ports.memberships import NotReady
from core.settings import Network
from edge.auth.tokens import Tokens
from edge.compliance.checkpoint_signer import signed_at
from edge.compliance.service_reports import ServiceReports
from edge.http.bearer import caller
from edge.http.body import body_of
from edge.http.front_page import COMPLIANCE, Row, add_front_page
from edge.http.health import add_health_routes
from edge.http.problems import HttpProblem, problems
from edge.http.request_record import RETRY_MS, record_request
from projections.queries.audit_records import AuditRecords
from projections.queries.audit_sums import AuditSums
from projections.queries.audit_trees import AuditTrees
from schemas.wire.audit import (
    AUDIT_PATH,
    CHECKPOINTS_PATH,
    COUNTS_PATH,
    TREE_PATH,
    AuditAct,
    AuditCheckpoint,
    AuditCheckpointQuery,
    AuditCheckpoints,
    AuditCountQuery,
    AuditPage,
    AuditQuery,
    AuditTree,
    AuditTreeQuery,
)
from schemas.wire.audit_report import REPORTS_PATH
from schemas.wire.errors import problem
from schemas.wire.field_errors import validation_failed

OFFICER: Final = "compliance_officer"
ADMIN: Final = "admin"
CHECK: Final = "compliance"
QUERY: Final = "audit:query"
TREE: Final = "audit:tree"
COUNTS: Final = "audit:counts"
CHECKPOINTS: Final = "audit:checkpoints"
MAX_CHECKPOINTS: Final = 1000
RECORD: Final = "audit:record"
BODY_BYTES: Final = 16_384
T = TypeVar("T", AuditQuery, AuditTreeQuery, AuditCountQuery, AuditCheckpointQuery)
_act: Final = msgspec.json.Decoder(AuditAct)


class Compliance:
    """Answers holders of a token with the role `compliance_officer`, from records of the token's tenant, and records
    what holders of the role `admin` do. `seed` is the secret of the key that signs checkpoints; `checkpoints` are those
    that were kept, None where none are.
    """

    def __init__(
        self,
        tokens: Tokens,
        records: AuditRecords,
        trees: AuditTrees,
        audit: Audit,
        seed: bytes,
        *,
        sums: AuditSums,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._tokens = tokens
        self._records = records
        self._sums = sums
        self._trees = trees
        self._audit = audit
        self._seed = seed
        self._checkpoints = checkpoints
        self.reports: Final = ServiceReports(tokens, audit, RECORD)

    async def query(self, request: web.Request) -> web.Response:
        """Answer `GET`: the parameters are those of `AuditQuery`, the answer is an `AuditPage`."""
        return await self._answered(request, QUERY, AuditQuery, self._page)

    async def counts(self, request: web.Request) -> web.Response:
        """Answer `GET`: the parameters are those of `AuditCountQuery`, the answer is an `AuditCounts`."""
        return await self._answered(request, COUNTS, AuditCountQuery, self._sums.counts)

    async def tree(self, request: web.Request) -> web.Response:
        """Answer `GET`: the parameters are those of `AuditTreeQuery`, the answer is an `AuditTree`."""
        return await self._answered(request, TREE, AuditTreeQuery, self._tree)

    async def checkpoints(self, request: web.Request) -> web.Response:
        """Answer `GET`: the parameters are those of `AuditCheckpointQuery`, the answer is an `AuditCheckpoints`."""
        return await self._answered(request, CHECKPOINTS, AuditCheckpointQuery, self._kept)

    async def _answered(
        self,
        request: web.Request,
        action: str,
        kind: type[T],
        answer: Callable[[str, T], Awaitable[msgspec.Struct]],
    ) -> web.Response:
        """Return the answer to an officer's query, recorded before."""
        who = caller(request, self._tokens)
        if OFFICER not in who.roles:
            await self._record(request, who, action, None, "not_allowed")
            raise HttpProblem(problem("not_allowed", f"the audit log is for the role {OFFICER}"))
        query = _query(request, kind)
        await self._record(request, who, action, query.purpose)
        try:
            if query.wait:
                await self._records.catch_up()
            body = msgspec.json.encode(await answer(who.tenant, query))
        except Rejected as error:
            wrong = [{"pointer": pointer, "code": code} for pointer, code in error.errors]
            raise HttpProblem(problem(error.code, error.detail, errors=wrong)) from None
        except NotReady as error:
            raise HttpProblem(problem("not_ready", str(error), retry_after_ms=RETRY_MS)) from None
        except Unavailable as error:
            raise HttpProblem(problem("unavailable", str(error), retry_after_ms=RETRY_MS)) from None
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _page(self, tenant: str, query: AuditQuery) -> AuditPage:
        page = await self._records.page(tenant, query)
        if not query.proofs:
            return page
        _require("up_to", page.up_to, (await self._trees.newest(tenant)).size)
        proofs = await self._trees.inclusion(tenant, [one.n - 1 for one in page.records], page.up_to)
        proved = [
            msgspec.structs.replace(one, proof=[part.hex() for part in proofs[one.n - 1]]) for one in page.records
        ]
        return msgspec.structs.replace(page, records=proved)

    async def _kept(self, tenant: str, query: AuditCheckpointQuery) -> AuditCheckpoints:
        if self._checkpoints is None:
            return AuditCheckpoints(checkpoints=[], after=None)
        try:
            notes = await self._checkpoints.kept(tenant, after=query.after, limit=MAX_CHECKPOINTS)
        except OSError as error:
            raise Unavailable(f"the kept checkpoints cannot be read: {error}") from None
        found = [one for note in notes if (one := _checkpoint(note)) is not None]
        more = len(notes) == MAX_CHECKPOINTS and bool(found)
        return AuditCheckpoints(checkpoints=found, after=found[-1].size if more else None)

    async def _tree(self, tenant: str, query: AuditTreeQuery) -> AuditTree:
        newest = await self._trees.newest(tenant)
        size = newest.size if query.size is None else query.size
        _require("size", size, newest.size)
        _require("old", query.old or 0, size)
        root = newest.root() if size == newest.size else await self._trees.root(tenant, size)
        origin = origin_of(tenant)
        note = sign(Checkpoint(origin, size, root), [SigningKey(origin, self._seed)])
        between = await self._trees.consistency(tenant, query.old, size) if query.old else []
        return AuditTree(size=size, root=root.hex(), checkpoint=note, consistency=[part.hex() for part in between])

    async def _record(
        self, request: web.Request, who: Identity, action: str, purpose: str | None, code: str | None = None
    ) -> None:
        """Record that somebody looks, or tried to. Raises `HttpProblem`: without a record there is no answer."""
        await record_request(
            self._audit,
            request,
            who,
            action=action,
            entity=("audit_log", request.query_string[:512]),
            outcome="success" if code is None else outcome_of(code),
            reason=code,
            purpose=purpose,
        )

    async def record(self, request: web.Request) -> web.Response:
        """Answer `POST` of an `AuditAct` with 201 when its record is durable; the actor is the caller."""
        who = caller(request, self._tokens)
        if ADMIN not in who.roles:
            await self._record(request, who, RECORD, None, "not_allowed")
            raise HttpProblem(problem("not_allowed", f"operators' records are for the role {ADMIN}"))
        act = await body_of(request, _act, BODY_BYTES)
        entity_type, _, entity_id = act.entity.partition(":")
        await record_request(
            self._audit,
            request,
            who,
            action=act.action,
            entity=(entity_type, entity_id),
            outcome=act.outcome,
            reason=act.reason,
            purpose=act.purpose,
            actor_type="operator",
        )
        return web.Response(status=201, headers={"Cache-Control": "no-store"})


def _checkpoint(note: str) -> AuditCheckpoint | None:
    """Return a kept checkpoint; None of a file that is none, which the signer warns of."""
    try:
        found = parse(note)
    except NoteRejected:
        return None
    return AuditCheckpoint(size=found.size, root=found.root.hex(), signed_at=signed_at(found), note=note)


def _require(name: str, size: int, most: int) -> None:
    """Raise `Rejected` for a tree that is larger than there is one."""
    if size > most:
        raise field_error(name, "bounds", f"the tree has {most} records, not {size}")


def _query(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.convert(dict(request.query), kind, strict=False)
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
        return await self._opened().query(request)

    async def counts(self, request: web.Request) -> web.Response:
        """Answer with counts. Raises `HttpProblem`."""
        return await self._opened().counts(request)

    async def checkpoints(self, request: web.Request) -> web.Response:
        """Answer with the kept checkpoints. Raises `HttpProblem`."""
        return await self._opened().checkpoints(request)

    async def tree(self, request: web.Request) -> web.Response:
        """Answer for the tree. Raises `HttpProblem`."""
        return await self._opened().tree(request)

    async def record(self, request: web.Request) -> web.Response:
        """Record what an operator does. Raises `HttpProblem`."""
        return await self._opened().record(request)

    async def report(self, request: web.Request) -> web.Response:
        """Record what another service does. Raises `HttpProblem`."""
        return await self._opened().reports.take(request)

    def _opened(self) -> Compliance:
        if self._compliance is None:
            waiting = ", ".join(self._health.waiting)
            raise HttpProblem(problem("not_ready", f"this service waits for: {waiting}", retry_after_ms=RETRY_MS))
        return self._compliance


def add_routes(app: web.Application, entrance: ComplianceEntrance) -> None:
    """Serve the paths of this service; the application needs the `problems` middleware."""
    app.router.add_get(AUDIT_PATH, entrance.query)
    app.router.add_get(COUNTS_PATH, entrance.counts)
    app.router.add_get(TREE_PATH, entrance.tree)
    app.router.add_get(CHECKPOINTS_PATH, entrance.checkpoints)
    app.router.add_post(AUDIT_PATH, entrance.record)
    app.router.add_post(REPORTS_PATH, entrance.report)


def compliance_app(
    entrance: ComplianceEntrance,
    health: Health,
    insiders: Sequence[Network] | None = None,
    *,
    beside: Sequence[Row] = (),
) -> web.Application:
    """Return the compliance service alone, with its health; `insiders` see the causes of failures (None: all do).
    `beside` are the rows of the front page of what its process serves beside it.
    """
    app = web.Application(middlewares=[problems])
    add_routes(app, entrance)
    add_front_page(app, "the compliance service", (*COMPLIANCE, *beside))
    add_health_routes(app, health, insiders)
    return app
