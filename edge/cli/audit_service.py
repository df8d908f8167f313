"""AuditService asks the compliance service of a system for `caas audit`."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from core.settings import Settings
from edge.cli.service_client import NotAnswered, ServiceClient, client_of
from schemas.wire.audit import (
    AUDIT_PATH,
    CHECKPOINTS_PATH,
    COUNTS_PATH,
    MAX_RECORDS,
    TREE_PATH,
    AuditCheckpoint,
    AuditCheckpoints,
    AuditCounts,
    AuditEntry,
    AuditPage,
    AuditTree,
)

__all__ = ["AuditService", "NotAnswered", "opened"]
ROLE: Final = "compliance_officer"


class AuditService:
    """The service, asked as one user with the role `compliance_officer`."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def entries(self, asked: Mapping[str, str], limit: int = sys.maxsize) -> AsyncIterator[AuditEntry]:
        """Yield the records of a query, at most `limit`. Raises `NotAnswered`."""
        left = limit
        async for page in self.pages({**asked, "limit": str(min(limit, MAX_RECORDS))}):
            for entry in page.records[:left]:
                yield entry
            left -= len(page.records)
            if left <= 0:
                return

    async def pages(self, asked: Mapping[str, str]) -> AsyncIterator[AuditPage]:
        """Yield the pages of a query, all up to one number. Raises `NotAnswered`."""
        parameters = {"limit": str(MAX_RECORDS), **asked}
        while True:
            page = await self._client.ask(AUDIT_PATH, parameters, AuditPage)
            yield page
            if page.after is None:
                return
            parameters |= {"after": page.after, "wait": "false"}

    async def counts(self, asked: Mapping[str, str]) -> AuditCounts:
        """Return the counts that are asked for. Raises `NotAnswered`."""
        return await self._client.ask(COUNTS_PATH, asked, AuditCounts)

    async def tree(self, asked: Mapping[str, str]) -> AuditTree:
        """Return the tree that is asked for. Raises `NotAnswered`."""
        return await self._client.ask(TREE_PATH, asked, AuditTree)

    async def checkpoints(self, purpose: str) -> AsyncIterator[AuditCheckpoint]:
        """Yield the checkpoints that were kept, the smallest tree first. Raises `NotAnswered`."""
        after: int | None = -1
        while after is not None:
            asked = {"purpose": purpose, "after": str(after)}
            found = await self._client.ask(CHECKPOINTS_PATH, asked, AuditCheckpoints)
            for one in found.checkpoints:
                yield one
            after = found.after


@asynccontextmanager
async def opened(settings: Settings, url: str | None, who: str) -> AsyncIterator[AuditService]:
    """Yield the service at `url`, on the stack that of the settings, else that of the embedded system: the one that
    runs, or a new one.
    """
    async with client_of(settings, url, who, ROLE) as client:
        yield AuditService(client)
