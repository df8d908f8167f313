"""What tests of many rooms begin with. Properties are not timed: a busy machine is no counterexample."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from streams.log.memory import MemoryLog
from tests.stack.servers import deselect_what_needs_local

settings.register_profile("caas", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("caas")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What waits longest begins first, so that nothing long is left when all the rest is done."""
    deselect_what_needs_local(config, items)
    items.sort(key=lambda item: "tests/e2e/" not in item.nodeid)


@pytest.fixture
async def log() -> AsyncIterator[MemoryLog]:
    log = MemoryLog()
    await log.start()
    yield log
    await log.stop()
