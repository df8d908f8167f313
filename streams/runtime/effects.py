"""Effects carried out: logged ones until they are durable, hints once, to the nodes that hold a participant."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from core.health import Health
from core.outages import Outage
from core.ports.bus import Bus
from core.ports.effects import Effects
from core.ports.event_log import EventLog, Unavailable
from core.ports.node_registry import NodeRegistry
from core.retry import retry_until_available
from schemas.envelope import Record
from schemas.wire.frames import Push, pack_pushes
from streams.runtime.dead_letters import DeadLetterLog

logger: Final = logging.getLogger("caas.effects")
HINT_S: Final = 0.2
PUSHES_PER_HINT: Final = 256


def channel_of(node: str) -> str:
    """The bus channel a node listens to."""
    return f"edge:{node}"


class LiveEmitter:
    """The `Emitter` of a live processor."""

    def __init__(self, log: EventLog, bus: Bus, presence: NodeRegistry, health: Health, name: str) -> None:
        self._log = log
        self._bus = bus
        self._presence = presence
        self._health = health
        self._name = name
        self._dead = DeadLetterLog(name, health)
        self._outage = Outage(f"{name}: pushes")

    async def emit(self, effects: Effects) -> None:
        """Append what is logged, push the hints meanwhile, return when the logged is durable."""
        waiting = [(record, self._log.append(record)) for record in effects.logged]
        await self._hint(effects.hints)
        for record, future in waiting:
            try:
                await self._durable(record, future)
            except ValueError as error:
                self._health.count("effects_too_large")
                of = {"correlation_id": correlation_of(record)}
                logger.error("%s: an effect that no log takes is left out: %s", self._name, error, extra=of)
        self._dead.buried(effects.logged)

    async def _durable(self, record: Record, future: asyncio.Future[int]) -> None:
        """Raises ValueError where the record is too large: it would stop its partition for ever."""
        try:
            await future
        except ValueError:
            raise
        except Exception:  # noqa: BLE001 - whatever it was, the append is repeated, and patiently raises what lasts
            await self._logged(record)

    async def _logged(self, record: Record) -> None:
        async def append() -> int:
            return await self._log.append(record)

        await retry_until_available(f"{self._name}: effects", append, self._health)

    async def _hint(self, hints: Sequence[Push]) -> None:
        """One try of 200 ms; what is lost the nodes heal."""
        if not hints:
            return
        try:
            async with asyncio.timeout(HINT_S):
                await self._publish(hints)
            self._outage.ends()
        except (TimeoutError, Unavailable) as error:
            if isinstance(error, Unavailable):
                self._outage.begins(error)
            self._health.count("hints_lost", len(hints))

    async def _publish(self, hints: Sequence[Push]) -> None:
        nodes = await self._presence.nodes(list({hint.conversation_id for hint in hints}))
        by_node: dict[str, list[Push]] = {}
        for hint in hints:
            for node in nodes.get(hint.conversation_id, ()):
                by_node.setdefault(node, []).append(hint)
        payloads = [
            (channel_of(node), pack_pushes(pushes[start : start + PUSHES_PER_HINT]))
            for node, pushes in sorted(by_node.items())
            for start in range(0, len(pushes), PUSHES_PER_HINT)
        ]
        if payloads:
            await self._bus.publish(payloads)


def correlation_of(record: Record) -> str:
    """The correlation id that a record's headers name, if they do."""
    return next((found.decode(errors="replace") for name, found in record.headers if name == "correlation_id"), "")
