"""HttpAudit records through the compliance service, which holds the log: embedded and on servers alike.

What nobody waits for is kept in memory, bounded, and sent in the order in which it was put. While the log is away it
waits; a process that ends meanwhile gets back what it could not record.
"""

import asyncio
import contextlib
import logging
from collections import deque
from itertools import islice
from types import TracebackType
from typing import Self

from .errors import QueueFull, ReportRefused
from .language.wire.audit_report import MAX_REPORTS, AuditReport
from .report_sender import MAX_PAUSE_S, ReportSender, Token
from .reports import check

logger = logging.getLogger("caas_compliance")
MAX_WAITING = 10_000
PATIENCE_S = 10.0
STOP_S = 5.0


class HttpAudit:
    """The `Audit` port over HTTP, used in an `async with` block.

    `record` tries for `patience_s` seconds. `put` lets `max_waiting` reports wait, each of some kilobytes at most;
    `waiting` is how many do. `refused` are those of them that the service refused, the newest `max_waiting`. At the end
    of the block what waits is sent for `stop_s` seconds more; `close` returns what was not recorded.
    """

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        patience_s: float = PATIENCE_S,
        max_waiting: int = MAX_WAITING,
        stop_s: float = STOP_S,
    ) -> None:
        self._sender = ReportSender(url, token)
        self._patience_s = patience_s
        self._max_waiting = max_waiting
        self._stop_s = stop_s
        self._waiting: deque[AuditReport] = deque()
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending: asyncio.Task[None] | None = None
        self.refused: deque[tuple[AuditReport, str]] = deque(maxlen=max_waiting)

    @property
    def waiting(self) -> int:
        """The number of reports that were put and are not recorded yet."""
        return len(self._waiting)

    async def record(self, report: AuditReport) -> str:
        """Return the id of the record when it is durable; raises as the port says."""
        check(report)
        (record_id,) = await self._sender.send([report], self._patience_s)
        return record_id

    def put(self, report: AuditReport) -> None:
        """Let a report wait for its record. Raises `QueueFull` and `ReportRefused`."""
        check(report)
        if len(self._waiting) >= self._max_waiting:
            raise QueueFull(f"{len(self._waiting)} reports wait for the audit log")
        self._waiting.append(report)
        self._idle.clear()
        self._more.set()

    async def close(self) -> list[AuditReport]:
        """Send what waits for `stop_s` seconds, and end. Return what was not recorded, to be put again: some of it may
        be in the log, and is one record then too.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._stop_s):
                await self._idle.wait()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
            self._sending = None
        await self._sender.stop()
        left = list(self._waiting)
        self._waiting.clear()
        self._idle.set()
        return left

    async def __aenter__(self) -> Self:
        await self._sender.start()
        self._sending = asyncio.create_task(self._send_waiting(), name="caas-compliance")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if left := await self.close():
            logger.error("%d reports were not recorded: the audit log was away", len(left))

    async def _send_waiting(self) -> None:
        """Send what waits, in its order, until cancelled. Where this service may not report, or gets no token, all of
        it goes on waiting.
        """
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                try:
                    await self._send_batch(list(islice(self._waiting, MAX_REPORTS)))
                except Exception as error:  # noqa: BLE001 - also what the caller's own function for tokens raises
                    logger.error("%d reports wait for the audit log: %r", len(self._waiting), error)
                    await asyncio.sleep(MAX_PAUSE_S)
            self._idle.set()

    async def _send_batch(self, batch: list[AuditReport]) -> None:
        """Send these, which are the first that wait; what is refused as a whole is sent one by one."""
        try:
            await self._sender.send(batch)
        except ReportRefused as error:
            await self._send_each(batch, error)
        for _ in batch:
            self._waiting.popleft()

    async def _send_each(self, batch: list[AuditReport], whole: ReportRefused) -> None:
        """Send a batch that was refused as its reports, and keep those that are refused themselves."""
        for report in batch:
            error = whole
            if len(batch) > 1:
                try:
                    await self._sender.send([report])
                except ReportRefused as refused:
                    error = refused
                else:
                    continue
            logger.error("the report %s was refused: %s", report.id, error)
            self.refused.append((report, str(error)))
