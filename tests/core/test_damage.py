import asyncio

import pytest

from core.damage import Damage
from core.ports.event_log import DataDamaged, LogDamaged


async def test_damage_is_raised_after_its_report() -> None:
    damage = Damage()
    waiting = asyncio.create_task(damage.found())
    await asyncio.sleep(0)
    assert not waiting.done()
    damage.report(LogDamaged("log", "first"))
    damage.report(DataDamaged("documents", "then"))
    with pytest.raises(LogDamaged, match="log is damaged: first"):
        await waiting
    with pytest.raises(LogDamaged, match="log is damaged: first"):
        await damage.found()
