"""LiveEmitter emits effects: it appends logged ones until they are durable, and sends hints once, to the nodes that
have a participant, or the user whom a hint is for.
"""

import asyncio
import logging
from collections.abc import Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

from core.health import Health
from core.outages import Outage
from core.ports.bus import Bus
from core.ports.effects import Durable, Effects
from core.ports.event_log import EventLog, Unavailable
from core.ports.node_registry import NodeLookup
from core.retry import retry_until_available
from core.tasks import retrieved
from schemas.envelope import Record
from schemas.wire.frames import Push, pack_pushes
from streams.runtime.dead_letters import DeadLetterLog
from streams.runtime.recent_pushes import RecentPushes, name_of

logger: Final = logging.getLogger("caas.effects")
PUSH_TIMEOUT_S: Final = 0.2
PUSHES_PER_PAYLOAD: Final = 256


def channel_of(node: str) -> str:
    """Return the bus channel that a node listens to."""
    return f"edge:{node}"


class LiveEmitter:
    """The `Emitter` of a live processor. Where `nodes` may not know yet what a node has entered, `recent` keeps what
    `resend` sends it then.
    """

    def __init__(
        self,
        log: EventLog,
        bus: Bus,
        nodes: NodeLookup,
        health: Health,
        name: str,
        *,
        recent: RecentPushes | None = None,
    ) -> None:
        self._log = log
        self._bus = bus
        self._nodes = nodes
        self._recent = recent
        self._health = health
        self._name = name
        self._dead = DeadLetterLog(name, health)
        self._outage = Outage(f"{name}: pushes")

    async def begin(self, effects: Effects) -> Durable:
        """Append the logged effects, and send the hints meanwhile."""
        waiting = [(record, self._log.append(record)) for record in effects.logged]
        for _, future in waiting:
            future.add_done_callback(retrieved)
        await self._hint(effects.hints)
        return partial(self._all_durable, waiting)

    async def emit(self, effects: Effects) -> None:
        """Append the logged effects, send the hints meanwhile, and return when the logged ones are durable."""
        await (await self.begin(effects))()

    async def _all_durable(self, waiting: Sequence[tuple[Record, asyncio.Future[int]]]) -> None:
        """Return when these appends are durable; one that fails is repeated."""
        for record, future in waiting:
            try:
                await self._durable(record, future)
            except ValueError as error:
                self._health.count("effects_too_large")
                of = {"correlation_id": correlation_of(record)}
                logger.error("%s: an effect that no log accepts is left out: %s", self._name, error, extra=of)
        self._dead.record_durable([record for record, _ in waiting])

    async def _durable(self, record: Record, future: asyncio.Future[int]) -> None:
        """Wait until the record is durable. Raises ValueError if it is too large: a retry would block its partition."""
        try:
            await future
        except ValueError:
            raise
        except Exception:  # noqa: BLE001 - any failure is retried; the retry raises a permanent one
            await self._append(record)

    async def _append(self, record: Record) -> None:
        async def append() -> int:
            return await self._log.append(record)

        await retry_until_available(f"{self._name}: effects", append, self._health)

    async def _hint(self, hints: Sequence[Push]) -> None:
        """Try once, for 200 ms; nodes recover lost hints themselves."""
        if hints:
            await self._try_once(self._publish(hints), len(hints))

    async def resend(self, node: str, names: Collection[str]) -> None:
        """Send a node that has entered these names what was pushed to them a moment ago. It is tried once."""
        now = asyncio.get_running_loop().time()
        if self._recent is not None and (pushes := self._recent.find(now, names)):
            await self._try_once(self._bus.publish(_payloads({node: pushes})), len(pushes))

    async def _try_once(self, sending: Coroutine[Any, Any, None], count: int) -> None:
        try:
            async with asyncio.timeout(PUSH_TIMEOUT_S):
                await sending
            self._outage.ends()
        except (TimeoutError, Unavailable) as error:
            if isinstance(error, Unavailable):
                self._outage.begins(error)
            self._health.count("hints_lost", count)

    async def _publish(self, hints: Sequence[Push]) -> None:
        nodes = await self._nodes.nodes(list({name_of(hint) for hint in hints}))
        by_node: dict[str, list[Push]] = {}
        for hint in hints:
            for node in nodes.get(name_of(hint), ()):
                by_node.setdefault(node, []).append(hint)
        if self._recent is not None:  # before anything is awaited: a node that is heard of from here on gets them again
            self._recent.add(asyncio.get_running_loop().time(), hints)
        if payloads := _payloads(by_node):
            await self._bus.publish(payloads)


def _payloads(by_node: Mapping[str, Sequence[Push]]) -> list[tuple[str, bytes]]:
    """Return the payloads for the channels of these nodes."""
    return [
        (channel_of(node), pack_pushes(list(pushes[start : start + PUSHES_PER_PAYLOAD])))
        for node, pushes in sorted(by_node.items())
        for start in range(0, len(pushes), PUSHES_PER_PAYLOAD)
    ]


def correlation_of(record: Record) -> str:
    """Return the correlation id from a record's headers, or an empty string."""
    return next((found.decode(errors="replace") for name, found in record.headers if name == "correlation_id"), "")
