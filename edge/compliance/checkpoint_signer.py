"""CheckpointSigner signs at intervals a checkpoint of each tenant's audit log that has grown, and keeps it.

Before it signs it proves that the tree of now begins with the checkpoint that it kept last: where it does not, it signs
nothing, since somebody changed records, and warns until the log is what it was.
"""

import asyncio
import logging
from typing import Final

from core.audit.checkpoint import Checkpoint, origin_of, parse, sign
from core.audit.note import NoteRejected, SigningKey
from core.clock import Clock
from core.health import Health
from core.ports.checkpoints import Checkpoints
from projections.audit.audit_rows import ms_of
from projections.queries.audit_trees import AuditTrees

logger: Final = logging.getLogger("caas.compliance")
CHECK: Final = "audit_checkpoints"
MAX_POLL_S: Final = 60.0
"""Maximum time between two looks, in seconds: so late is a checkpoint that was due, or failed."""
SIGNED_AT: Final = "signed "
"""The line of a checkpoint that says when it was signed begins with this."""


class LogChanged(Exception):
    """A tree does not begin with the records of a checkpoint that was kept."""


class CheckpointSigner:
    """Signs with the key of this `seed`, every `interval_s` seconds where there are new records."""

    def __init__(
        self,
        trees: AuditTrees,
        checkpoints: Checkpoints,
        *,
        seed: bytes,
        clock: Clock,
        health: Health,
        interval_s: int,
    ) -> None:
        self._trees = trees
        self._checkpoints = checkpoints
        self._seed = seed
        self._clock = clock
        self._health = health
        self._interval_ms = interval_s * 1000
        self._waits_since: dict[str, int] = {}
        health.gauge("audit_checkpoint_age_seconds", self.age_s)

    async def follow(self) -> None:
        """Look at every tenant until cancelled; what fails is tried again, and warns meanwhile."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - whatever it is, officers are answered without it
                logger.warning("no checkpoint of the audit log was signed: %s", error)
                self._health.warns(CHECK, error)
            else:
                self._health.goes_on(CHECK)
            await asyncio.sleep(min(self._interval_ms / 1000, MAX_POLL_S))

    def age_s(self) -> int:
        """Return the age, in seconds, of the checkpoint that waits longest for its next one; 0 where none does."""
        since = min(self._waits_since.values(), default=None)
        return 0 if since is None else max(0, self._now() - since) // 1000

    async def look(self) -> None:
        """Sign what is due, of each tenant. Raises `LogChanged`, `NoteRejected` and `OSError` at the end, the first of
        them, and `Unavailable` at once.
        """
        wrong: list[LogChanged | NoteRejected | OSError] = []
        for tenant in await self._trees.tenants():
            try:
                await self._look_at(tenant)
            except (LogChanged, NoteRejected, OSError) as error:
                wrong.append(error)
        if wrong:
            raise wrong[0]

    async def _look_at(self, tenant: str) -> None:
        tree, kept = await self._trees.newest(tenant), await self._checkpoints.newest(tenant)
        last = None if kept is None else parse(kept)
        if last is not None and last.size == tree.size and last.root == tree.root():
            self._waits_since.pop(tenant, None)
            return
        signed_ms = 0 if last is None else ms_of(signed_at(last) or "")
        self._waits_since.setdefault(tenant, min(signed_ms or self._now(), self._now()))
        if abs(self._now() - signed_ms) < self._interval_ms:  # signed far ahead: by a clock that was set back since
            return
        if last is not None:
            await self._require_beginning(tenant, tree.size, last)
        origin = origin_of(tenant)
        time = f"{SIGNED_AT}{self._clock.now()}"
        note = sign(Checkpoint(origin, tree.size, tree.root(), (time,)), [SigningKey(origin, self._seed)])
        await self._checkpoints.keep(tenant, tree.size, note)
        self._waits_since.pop(tenant, None)

    async def _require_beginning(self, tenant: str, size: int, last: Checkpoint) -> None:
        """Raise `LogChanged` where the tree of `size` records does not begin with a kept one."""
        if last.size >= size:
            raise LogChanged(f"{tenant}: the checkpoint of {last.size} records is not of this log, which has {size}")
        if await self._trees.root(tenant, last.size) != last.root:
            raise LogChanged(f"{tenant}: the first {last.size} records are not those of the checkpoint that was kept")

    def _now(self) -> int:
        return ms_of(self._clock.now())


def signed_at(checkpoint: Checkpoint) -> str | None:
    """Return when a checkpoint was signed (RFC 3339), as it says itself; None where it does not."""
    lines = [line.removeprefix(SIGNED_AT) for line in checkpoint.extensions if line.startswith(SIGNED_AT)]
    return lines[0] if lines else None
