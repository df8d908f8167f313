"""TracedEmitter reports what a processor's emitter has appended, so that a trace has the records that were derived."""

from collections.abc import Sequence
from functools import partial
from time import perf_counter

from core.ports.effects import Durable, Effects, Emitter
from core.ports.tracer import Tracer
from schemas.envelope import Record


class TracedEmitter:
    """The `Emitter` given, whose logged effects are reported when they are durable."""

    def __init__(self, emitter: Emitter, tracer: Tracer) -> None:
        self._emitter = emitter
        self._tracer = tracer

    async def begin(self, effects: Effects) -> Durable:
        """Begin to emit."""
        began = perf_counter()
        return partial(self._report, await self._emitter.begin(effects), effects.logged, began)

    async def emit(self, effects: Effects) -> None:
        """Emit, and return when what is logged is durable."""
        await (await self.begin(effects))()

    async def _report(self, durable: Durable, records: Sequence[Record], began: float) -> None:
        await durable()
        self._tracer.derived(records, began)
