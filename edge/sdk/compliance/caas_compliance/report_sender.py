"""ReportSender brings reports to the compliance service over HTTP, again and again until it has answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import msgspec

from .errors import AuditUnavailable, NotAllowed, ReportRefused
from .language.wire.audit_report import REPORTS_PATH, AuditReport, AuditReported, AuditReports

Token = str | Callable[[], Awaitable[str]]
"""A token with the role `service`, or what returns a valid one, asked before every request."""
FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 5.0
ANSWER_S = 40.0
"""Maximum time of an answer, in seconds: the service's own append has a timeout before."""
REFUSED = frozenset({400, 413, 422})
"""The statuses of reports that are refused whenever they are sent."""
NOT_ALLOWED = frozenset({401, 403})


class ReportSender:
    """The service at `url`, the address without a path."""

    def __init__(self, url: str, token: Token) -> None:
        self._url = url.rstrip("/") + REPORTS_PATH
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connections."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def send(self, reports: Sequence[AuditReport], patience_s: float | None = None) -> list[str]:
        """Return the ids of the records when all are durable; try for `patience_s` seconds (None: without an end).
        Raises `AuditUnavailable`, `ReportRefused` and `NotAllowed`.
        """
        body = msgspec.json.encode(AuditReports(reports=list(reports)))
        cause = "it was not asked"
        try:
            async with asyncio.timeout(patience_s):
                pause_s = FIRST_PAUSE_S
                while True:
                    found = await self._try(body)
                    if not isinstance(found, str):
                        return found
                    cause = found
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, MAX_PAUSE_S)
        except TimeoutError:
            raise AuditUnavailable(f"{self._url}: {cause}") from None

    async def _try(self, body: bytes) -> list[str] | str:
        """Return the ids, or why another try is needed. Raises `ReportRefused` and `NotAllowed`."""
        if self._session is None:
            raise RuntimeError("the audit is used in its `async with` block alone")
        token = self._token if isinstance(self._token, str) else await self._token()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with self._session.post(self._url, data=body, headers=headers) as answer:
                status, answered = answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"no answer: {error!r}"
        if status == 201:
            return msgspec.json.decode(answered, type=AuditReported).ids
        why = _reason(answered, status)
        if status in REFUSED:
            raise ReportRefused(why)
        if status in NOT_ALLOWED:
            raise NotAllowed(why)
        return why


def _reason(body: bytes, status: int) -> str:
    """Return what the problem document of an answer says."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return f"status {status}"
    return f"{found.get('title')}: {found.get('detail')}"
