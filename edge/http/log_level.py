"""LogLevelEntrance changes what a running process logs, for holders of a token with the role `admin`; each change is in
the audit log before it is made.
"""

import logging
from typing import Final

import msgspec
from aiohttp import web

from core.identity import Identity
from core.log_levels import LogLevels, parse
from core.ports.audit import Audit
from edge.auth.tokens import Tokens
from edge.http.bearer import caller
from edge.http.body import body_of
from edge.http.problems import CORRELATION_ID, HttpProblem
from edge.http.request_record import RETRY_MS, record_request
from edge.process.logs import ProcessLog, process_log
from schemas.events.audit import Outcome
from schemas.wire.errors import problem
from schemas.wire.log_level import LOG_LEVEL_PATH, LogLevelAnswer, LogLevelChange

logger: Final = logging.getLogger("caas.log_level")
ADMIN: Final = "admin"
ACTION: Final = "log:level"
BODY_BYTES: Final = 1_024
_change: Final = msgspec.json.Decoder(LogLevelChange)


class LogLevelEntrance:
    """The route of one process, which records as `process`. Until the log can be reached it answers 503."""

    def __init__(self, tokens: Tokens, process: str) -> None:
        self._tokens = tokens
        self._process = process
        self._audit: Audit | None = None

    def open(self, audit: Audit) -> None:
        """Record changes there from now on."""
        self._audit = audit

    async def change(self, request: web.Request) -> web.Response:
        """Answer `PUT` of a `LogLevelChange` with a `LogLevelAnswer`. Raises `HttpProblem`."""
        who = caller(request, self._tokens)
        if ADMIN not in who.roles:
            await self._record(request, who, "denied", "not_allowed")
            raise HttpProblem(problem("not_allowed", f"log levels are for the role {ADMIN}"))
        levels, log = _levels(await body_of(request, _change, BODY_BYTES)), _log()
        await self._record(request, who, "success", str(levels))
        before = log.set_levels(levels)
        logger.warning(
            "log levels are %s, before %s", levels, before, extra={"correlation_id": request[CORRELATION_ID]}
        )
        answer = LogLevelAnswer(process=self._process, levels=str(levels), before=str(before))
        body = msgspec.json.encode(answer)
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _record(self, request: web.Request, who: Identity, outcome: Outcome, reason: str) -> None:
        """Record a change, or an attempt. Raises `HttpProblem`: without a record nothing is changed."""
        if self._audit is None:
            waits = "this process cannot record it: its log was not reached yet"
            raise HttpProblem(problem("not_ready", waits, retry_after_ms=RETRY_MS))
        await record_request(
            self._audit,
            request,
            who,
            action=ACTION,
            entity=("process", self._process),
            outcome=outcome,
            reason=reason,
            actor_type="operator",
        )


def _levels(change: LogLevelChange) -> LogLevels:
    try:
        return parse(change.levels)
    except ValueError as error:
        wrong = [{"pointer": "/levels", "code": "value"}]
        raise HttpProblem(problem("validation_failed", str(error), errors=wrong)) from None


def _log() -> ProcessLog:
    if (log := process_log()) is None:
        raise HttpProblem(problem("unavailable", "the program that runs this system writes the log in its own way"))
    return log


def add_log_level_route(app: web.Application, entrance: LogLevelEntrance) -> None:
    """Serve the route; the application needs the `problems` middleware."""
    app.router.add_put(LOG_LEVEL_PATH, entrance.change)
