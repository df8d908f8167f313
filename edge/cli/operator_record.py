"""Record what operators do with the verbs of `caas`: before it is done, and, where it did not succeed, why.

Without a durable record nothing is shown or changed. So the first record, with the outcome `success`, says that the
operator may do it and begins; a second one with the same correlation id and the outcome `failure` says that it ended
otherwise.
"""

import asyncio
import contextlib
import getpass
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from core.clock import SystemClock
from core.health import Health
from core.ports.audit import Audit
from core.ports.event_log import AlreadyWriting, EventLog, OutcomeUnknown, Unavailable
from core.settings import Settings
from edge.cli import options
from edge.cli.http_audit import HttpAudit
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.process import data_directory
from edge.process.secrets_file import existing
from schemas.events import AuditRecorded
from schemas.events.audit import Outcome
from streams.audit.log_audit import LogAudit
from streams.rebuild.lease import Refused
from streams.runtime.lineage import check_models

WAIT_S: Final = 10.0
"""Maximum time, in seconds, until the log can be written, where a verb needs nothing else."""
FAILURE_S: Final = 5.0
"""Maximum time, in seconds, that the record of a failure is waited for."""
POLL_INTERVAL_S: Final = 0.1
PURPOSE_CHARS: Final = 300
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.@+=~-]")


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator does: `action` without its prefix `operator:`, the object, and why, where the verb asks for it.

    `reason` says what a success needs to be understood, as `unchanged` does of a command.
    """

    action: str
    entity_type: str
    entity_id: str
    purpose: str | None = None
    reason: str | None = None


class Attempt:
    """One act of an operator, and its records."""

    def __init__(self, audit: Audit, tenant: str, act: Act) -> None:
        self._audit = audit
        self._tenant = tenant
        self._act = act
        self._correlation_id = str(uuid4())

    async def begin(self) -> None:
        """Record that it begins. Raises `Unavailable`: without the record nothing may be done."""
        try:
            await self._record("success", self._act.reason)
        except (Unavailable, OutcomeUnknown) as error:
            raise Unavailable(f"nothing was done, because it could not be recorded: {error}") from error

    async def failed(self, reason: str) -> None:
        """Record that it did not succeed; where the log is down the first record stays alone."""
        with contextlib.suppress(Unavailable, OutcomeUnknown, TimeoutError):
            async with asyncio.timeout(FAILURE_S):
                await self._record("failure", reason)

    async def _record(self, outcome: Outcome, reason: str | None) -> None:
        act = self._act
        record = AuditRecorded(
            tenant=self._tenant,
            at=self._audit.now(),
            actor=operator(),
            actor_type="operator",
            action=f"operator:{act.action}",
            entity_type=act.entity_type,
            entity_id=act.entity_id,
            outcome=outcome,
            reason=reason,
            purpose=act.purpose[:PURPOSE_CHARS] if act.purpose else None,
        )
        await self._audit.record(record, self._correlation_id)


def operator() -> str:
    """Return the login name of whoever runs this, as a user id."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = f"uid-{os.getuid()}"
    return _NO_NAME.sub("_", name)[:128]


def audit_of(found: Adapters, settings: Settings) -> Audit:
    """Return how to record beside these adapters: in their log, or through the process that holds it. Raises
    `InvalidSettings`.
    """
    return HttpAudit(existing(settings, "token_secret")) if found.beside else _in(found.log)


@asynccontextmanager
async def recorded(audit: Audit, settings: Settings, act: Act) -> AsyncIterator[Attempt]:
    """Record the act before the block, and its failure if the block raises. Raises `Unavailable`."""
    attempt = Attempt(audit, settings.tenant, act)
    await attempt.begin()
    try:
        yield attempt
    except BaseException as error:
        await attempt.failed(error.code if isinstance(error, Refused) else type(error).__name__)
        raise


async def record_alone(settings: Settings, act: Act) -> None:
    """Record an act that needs nothing of the system. In an embedded directory where none was started there is no log.

    Raises `Unavailable` where the log cannot be written within `WAIT_S`.
    """
    if settings.adapters == "embedded" and not data_directory.is_system(Path(settings.data)):
        return
    write = _record_in_the_stack if settings.adapters == "stack" else _record_in_the_directory
    try:
        async with asyncio.timeout(WAIT_S):
            await write(settings, act)
    except TimeoutError:
        late = f"the log could not be written within {WAIT_S:.0f} s"
        raise Unavailable(f"nothing was done, because it could not be recorded: {late}") from None


async def _record_in_the_stack(settings: Settings, act: Act) -> None:
    async with compose.log_alone(settings, "caas-operator", Health()) as log:
        await Attempt(_in(log), settings.tenant, act).begin()


async def _record_in_the_directory(settings: Settings, act: Act) -> None:
    """Record in the directory's log, or through its process, whichever is possible first: a process that holds it may
    be starting or ending.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + WAIT_S / 2
    while True:
        try:
            return await _record_in_the_log(settings, act)
        except Exception as error:
            if options.first_of(error, (AlreadyWriting,)) is None:
                raise
        through = HttpAudit(existing(settings, "token_secret"), patience_s=0.0)
        try:
            return await Attempt(through, settings.tenant, act).begin()
        except Unavailable:
            if loop.time() >= ends:
                raise
        await asyncio.sleep(POLL_INTERVAL_S)


async def _record_in_the_log(settings: Settings, act: Act) -> None:
    """Raises `LogMismatch`: a record in a log that has lost its end would hide what is lost."""
    health = Health()
    async with compose.opened(compose.embedded(settings), health) as found:
        await check_models(found.log, found.documents, compose.PROCESSORS, health)
        await Attempt(_in(found.log), settings.tenant, act).begin()


def _in(log: EventLog) -> LogAudit:
    return LogAudit(log, SystemClock(), "/caas/operator", lambda: str(uuid4()))
