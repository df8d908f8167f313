"""What a processor has appended is reported once it is durable, and not before."""

from collections.abc import Sequence

from core.ports.effects import Durable, Effects
from core.ports.tracer import Untraced
from schemas.envelope import Record
from streams.runtime.traced_emitter import TracedEmitter
from tests.streams.world import said


class Slow:
    """An emitter whose effects are durable when they are waited for."""

    def __init__(self) -> None:
        self.durable = False

    async def begin(self, effects: Effects) -> Durable:
        async def durable() -> None:
            self.durable = True

        return durable

    async def emit(self, effects: Effects) -> None:
        await (await self.begin(effects))()


class Noting(Untraced):
    """A tracer that notes what was derived, and whether it was durable then."""

    def __init__(self, emitter: Slow) -> None:
        self.emitter = emitter
        self.noted: list[tuple[Sequence[Record], bool]] = []

    def derived(self, records: Sequence[Record], began: float) -> None:
        self.noted.append((records, self.emitter.durable))


async def test_report_follows_durability() -> None:
    slow, records = Slow(), [said("room", 1)]
    tracer = Noting(slow)
    durable = await TracedEmitter(slow, tracer).begin(Effects(records))
    assert tracer.noted == []
    await durable()
    assert tracer.noted == [(records, True)]


async def test_emitting_waits_and_reports() -> None:
    slow = Slow()
    tracer = Noting(slow)
    await TracedEmitter(slow, tracer).emit(Effects([said("room", 1)]))
    assert [durable for _, durable in tracer.noted] == [True]
