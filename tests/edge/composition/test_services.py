"""Each service has one row, and docs/operations.md names it with its setting and its secrets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.health import Health
from core.settings import Settings
from edge.composition import compose, services
from edge.composition.log_level import LogLevel
from edge.composition.services import SERVICES, Service
from edge.composition.serving import token_trail
from edge.process.background import background
from schemas.events import AuditRecorded
from schemas.topics import AUDIT_LOG, partitions
from streams.log.memory import MemoryLog
from tests.docs.pages import page
from tests.eventually import eventually

STACK = Settings(adapters="stack", token_secret="t" * 32, app_key="k", app_secret="s")
ISSUED = AuditRecorded(
    tenant="default", at="", actor="k", action="token:issue", entity_type="user", entity_id="ann", outcome="success"
)


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_row_names_existing_settings(service: Service) -> None:
    assert {service.port, *service.secrets} <= set(Settings.__struct_fields__)
    assert service.port_setting == f"--port or CAAS_{service.port.upper()}"


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_operations_page_names_service_with_its_settings(service: Service) -> None:
    text = page("operations.md")
    assert f"caas serve {service.name}" in text
    assert all(f"`CAAS_{name.upper()}`" in text for name in (service.port, *service.secrets))


async def recorded(log: MemoryLog) -> int:
    return sum((await log.end_offsets(partitions(AUDIT_LOG))).values())


async def test_tokens_wait_for_the_log_and_the_gateway_does_not(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, health = asyncio.Event(), Health()

    @asynccontextmanager
    async def slow(_settings: Settings, _client: str, part: Health) -> AsyncIterator[MemoryLog]:
        part.waits("log", "Kafka is down")
        await there.wait()
        part.goes_on("log")
        yield log

    monkeypatch.setattr(compose, "log_alone", slow)
    trail, log_level = token_trail(STACK, health), LogLevel(STACK, "gateway")
    async with background(("token-records", services._record_tokens(STACK, health, trail, log_level))):
        trail.queue.put(ISSUED)
        await eventually(lambda: health.checks()["log"].status == "warn")
        assert (health.ready, await recorded(log)) == (True, 0)
        there.set()
        await eventually(lambda: health.checks()["log"].status == "pass")
        trail.queue.count(ISSUED)
        await asyncio.sleep(0.05)
        assert await recorded(log) == 1
    assert await recorded(log) == 2


async def test_gateway_goes_on_without_a_log_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def refused(*_: object) -> AsyncIterator[MemoryLog]:
        raise ValueError("topic audit.log has 7 partitions")
        yield

    monkeypatch.setattr(compose, "log_alone", refused)
    health = Health()
    trail = token_trail(STACK, health)
    async with background(("tokens", services._record_tokens(STACK, health, trail, LogLevel(STACK, "gateway")))):
        await eventually(lambda: "7 partitions" in health.checks()["log"].output)
        assert health.ready


async def test_embedded_gateway_alone_opens_no_log() -> None:
    health, settings = Health(), Settings(data="/nowhere")
    trail = token_trail(settings, health)
    async with background(("tokens", services._record_tokens(settings, health, trail, LogLevel(settings, "gateway")))):
        await asyncio.sleep(0.02)
        assert health.checks() == {}
