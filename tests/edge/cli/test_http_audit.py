"""HttpAudit records through the system of a directory, as its own actor, and says why it cannot."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiohttp.test_utils import TestServer

from core.health import Health
from core.ports.event_log import Unavailable
from core.settings import Settings
from edge.cli.http_audit import HttpAudit
from edge.cli.up import Address
from edge.compliance.app import Compliance, ComplianceEntrance, compliance_app
from edge.process.data_directory import READY
from projections.audit import audit_rows
from projections.generations import Generations
from projections.queries.audit_records import DERIVING, AuditRecords
from projections.queries.audit_sums import AuditSums
from projections.queries.audit_trees import AuditTrees
from projections.stores.memory import MemoryDocuments
from schemas.events import AuditRecorded
from streams.log.memory import MemoryLog
from tests.edge.compliance.test_app import SEED, TOKENS, RecordingAudit
from tests.given import AT, TENANT

ACT = AuditRecorded(
    tenant=TENANT,
    at=AT,
    actor="root",
    actor_type="operator",
    action="operator:rebuild",
    entity_type="read_model",
    entity_id="messages",
    outcome="failure",
    reason="differs",
    purpose="case 4711",
)


@pytest.fixture
def audit() -> RecordingAudit:
    return RecordingAudit()


def announced(directory: Path, server: TestServer) -> None:
    url = f"http://127.0.0.1:{server.port}"
    (directory / READY).write_bytes(msgspec.json.encode(Address(url, "key")))


@pytest.fixture
async def server(audit: RecordingAudit, log: MemoryLog) -> AsyncIterator[TestServer]:
    health, documents = Health(), MemoryDocuments()
    entrance, generations = ComplianceEntrance(health), Generations(documents, (audit_rows.MODEL, DERIVING))
    records, trees = AuditRecords(documents, generations, log), AuditTrees(documents, generations)
    entrance.open(Compliance(TOKENS, records, trees, audit, SEED, sums=AuditSums(documents, generations)))
    async with TestServer(compliance_app(entrance, health)) as found:
        yield found


def settings(directory: Path, secret: str = "s" * 32) -> Settings:
    return Settings(data=str(directory), token_secret=secret)


async def test_record_arrives_whole(tmp_path: Path, server: TestServer, audit: RecordingAudit) -> None:
    announced(tmp_path, server)
    correlation_id = str(uuid4())
    await HttpAudit(settings(tmp_path)).record(ACT, correlation_id)
    ((found, found_id),) = audit.records
    assert msgspec.structs.replace(found, address=None, agent=None) == ACT
    assert found_id == correlation_id


async def test_system_that_starts_is_waited_for(tmp_path: Path, server: TestServer, audit: RecordingAudit) -> None:
    recording = asyncio.create_task(HttpAudit(settings(tmp_path)).record(ACT, str(uuid4())))
    await asyncio.sleep(0.15)
    assert audit.records == []
    announced(tmp_path, server)
    await recording
    assert len(audit.records) == 1


async def test_directory_without_a_ready_system_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"another process holds {tmp_path}"):
        await HttpAudit(settings(tmp_path), patience_s=0.0).record(ACT, str(uuid4()))


async def test_refusal_is_named(tmp_path: Path, server: TestServer, audit: RecordingAudit) -> None:
    announced(tmp_path, server)
    with pytest.raises(Unavailable, match="the token is none of ours"):
        await HttpAudit(settings(tmp_path, "x" * 32)).record(ACT, str(uuid4()))
    audit.fails = Unavailable("the disk is full")
    with pytest.raises(Unavailable, match="the disk is full"):
        await HttpAudit(settings(tmp_path)).record(ACT, str(uuid4()))
