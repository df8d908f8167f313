"""A checkpoint is signed when an interval has passed and there are new records, and none of a log that was changed."""

import asyncio
from pathlib import Path

import pytest

from core.audit.checkpoint import Checkpoint, origin_of, parse, sign, verify
from core.audit.note import SigningKey
from core.health import Health
from core.ports.event_log import Unavailable
from edge.compliance.checkpoint_signer import CHECK, CheckpointSigner, LogChanged, signed_at
from projections.audit import audit_rows
from projections.checkpoints.folder import CheckpointFolder
from projections.generations import Generations
from projections.queries.audit_records import DERIVING
from projections.queries.audit_trees import AuditTrees
from projections.stores.memory import MemoryDocuments
from streams.processors.audit import Audit
from tests.eventually import eventually
from tests.given import TENANT
from tests.projections.audit.test_audit_rows import fact
from tests.projections.queries.test_audit_records import save

SEED = bytes(32)
KEY = SigningKey(origin_of(TENANT), SEED)


class Hours:
    """A clock that stands at an hour of a day."""

    def __init__(self) -> None:
        self.hour = 9

    def now(self) -> str:
        return f"2026-11-20T{self.hour:02}:00:00.000Z"


class Scene:
    """A log of three records of a tenant, and its signer, who signs once an hour."""

    def __init__(self, folder: Path) -> None:
        self.documents = MemoryDocuments()
        self.kept = CheckpointFolder(folder)
        self.clock = Hours()
        self.health = Health()
        self.trees = AuditTrees(self.documents, Generations(self.documents, (audit_rows.MODEL, DERIVING)))
        self.signer = CheckpointSigner(
            self.trees, self.kept, seed=SEED, clock=self.clock, health=self.health, interval_s=3600
        )

    async def add(self, *numbers: int, tenant: str = TENANT) -> None:
        await save(self.documents, [fact(n, f"r{n}", tenant=tenant) for n in numbers])

    async def sizes(self, tenant: str = TENANT) -> list[int]:
        return [parse(note).size for note in await self.kept.kept(tenant)]

    @property
    def age_h(self) -> float:
        return self.health.gauges()["audit_checkpoint_age_seconds"] / 3600


@pytest.fixture
async def scene(tmp_path: Path) -> Scene:
    found = Scene(tmp_path / "checkpoints")
    await found.documents.start(Audit.tables)
    await found.add(0, 1, 2)
    return found


async def test_first_records_are_signed_at_once(scene: Scene) -> None:
    await scene.signer.look()
    (note,) = await scene.kept.kept(TENANT)
    found = verify(note, [KEY.verifier], origin_of(TENANT)).checkpoint
    assert (found.size, found.root) == (3, (await scene.trees.newest(TENANT)).root())
    assert signed_at(found) == "2026-11-20T09:00:00.000Z"
    assert scene.age_h == 0


async def test_new_records_are_signed_when_the_interval_has_passed(scene: Scene) -> None:
    await scene.signer.look()
    await scene.add(3)
    await scene.signer.look()
    assert (await scene.sizes(), scene.age_h) == ([3], 0)
    scene.clock.hour = 10
    assert scene.age_h == 1
    await scene.signer.look()
    assert (await scene.sizes(), scene.age_h) == ([3, 4], 0)


async def test_clock_that_was_set_back_stops_no_checkpoints(scene: Scene) -> None:
    scene.clock.hour = 20
    await scene.signer.look()
    await scene.add(3)
    scene.clock.hour = 9
    await scene.signer.look()
    assert (await scene.sizes(), scene.age_h) == ([3, 4], 0)


async def test_log_that_does_not_grow_is_not_signed_again(scene: Scene) -> None:
    await scene.signer.look()
    scene.clock.hour = 20
    await scene.signer.look()
    assert (await scene.sizes(), scene.age_h) == ([3], 0)


async def test_every_tenant_has_its_own(scene: Scene) -> None:
    await scene.add(3, tenant="umbra")
    await scene.signer.look()
    assert (await scene.sizes(), await scene.sizes("umbra")) == ([3], [1])


@pytest.mark.parametrize("size", [2, 3, 5])
async def test_changed_log_is_not_signed_and_others_are(scene: Scene, size: int) -> None:
    other = sign(Checkpoint(origin_of(TENANT), size, bytes(32)), [KEY])
    await scene.kept.keep(TENANT, size, other)
    await scene.add(4, tenant="umbra")
    with pytest.raises(LogChanged, match=f"{TENANT}: the"):
        await scene.signer.look()
    assert (await scene.sizes(), await scene.sizes("umbra")) == ([size], [1])
    scene.clock.hour = 12
    assert scene.age_h == 3


async def test_failure_warns_and_is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.documents.scan = _down  # type: ignore[method-assign]
    monkeypatch.setattr("edge.compliance.checkpoint_signer.MAX_POLL_S", 0.01)
    following = asyncio.create_task(scene.signer.follow())
    await eventually(lambda: CHECK in scene.health.checks() and scene.health.checks()[CHECK].status == "warn")
    assert scene.health.ready
    del scene.documents.scan
    await eventually(lambda: scene.health.checks()[CHECK].status == "pass")
    assert await scene.sizes() == [3]
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def _down(*_: object, **__: object) -> list[object]:
    raise Unavailable("down")
