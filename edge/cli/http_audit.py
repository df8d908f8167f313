"""HttpAudit writes audit records through the system that runs in a directory: its process holds the log."""

import asyncio
from typing import Final

import aiohttp
import msgspec

from core.clock import SystemClock
from core.ports.event_log import OutcomeUnknown, Unavailable
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.cli.up import Address, running_at
from edge.http.problems import CORRELATION
from schemas.events import AuditRecorded
from schemas.wire.audit import AUDIT_PATH, AuditAct
from schemas.wire.tokens import ProblemDocument

PATIENCE_S: Final = 10.0
"""Maximum time, in seconds, that a system which starts is waited for."""
ANSWER_S: Final = 40.0
"""Maximum time of an answer, in seconds: an append has its own timeout before."""
POLL_INTERVAL_S: Final = 0.1


class HttpAudit:
    """The `Audit` port over `POST /api/v1/audit`, as the record's actor with the role `admin`; its time and its address
    are those that the service sees. `settings` have the token secret.
    """

    def __init__(self, settings: Settings, patience_s: float = PATIENCE_S) -> None:
        self._settings = settings
        self._patience_s = patience_s
        self._tokens = Tokens(settings.token_secret, settings.token_ttl_s)

    def now(self) -> str:
        """Return the time of this process's clock."""
        return SystemClock().now()

    async def record(
        self, record: AuditRecorded, correlation_id: str, record_id: str | None = None, cause: str = ""
    ) -> None:
        """Return when the record is durable. The service chooses its id, so it takes none. Raises `ValueError`."""
        if record_id is not None:
            raise ValueError("the compliance service chooses the ids of its records")
        url = f"{(await self._running()).url}{AUDIT_PATH}"
        act = AuditAct(
            action=record.action,
            entity=f"{record.entity_type}:{record.entity_id}",
            outcome=record.outcome,
            reason=record.reason,
            purpose=record.purpose,
        )
        token, _ = self._tokens.issue(record.tenant, record.actor, roles=["admin"])
        headers = {"Authorization": f"Bearer {token}", CORRELATION: correlation_id}
        headers |= {"traceparent": cause} if cause else {}
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, data=msgspec.json.encode(act), headers=headers) as answer,
            ):
                body, status = await answer.read(), answer.status
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(f"{url} does not answer: {error}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutcomeUnknown(f"{url} did not answer: {error!r}") from None
        if status != 201:
            raise Unavailable(reason_of(body, status))

    async def _running(self) -> Address:
        """Return the address of the system that holds the directory. Raises `Unavailable`."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._patience_s
        while (found := await asyncio.to_thread(running_at, self._settings)) is None:
            if loop.time() >= ends:
                raise Unavailable(f"another process holds {self._settings.data}, and no system is ready there")
            await asyncio.sleep(POLL_INTERVAL_S)
        return found


def reason_of(body: bytes, status: int) -> str:
    """Return why a system refused: what its problem document says."""
    try:
        found = msgspec.json.decode(body, type=ProblemDocument)
    except msgspec.DecodeError:
        return f"the system answered with status {status}"
    return f"{found.title}: {found.detail}"
