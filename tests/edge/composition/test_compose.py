"""Each use of a directory has its own set of adapters."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from core.ports.documents import Changes, TableGeneration, Write
from core.ports.event_log import AlreadyWriting, Unavailable
from core.settings import Settings
from edge.composition import compose
from edge.composition.compose import Access, Adapters
from projections.messages import message_rows
from schemas.envelope import Record

PLACE = TableGeneration(message_rows.ROWS, 7)
RECORD = Record("message.sent", b"c", b"{}", ())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "data"))


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[Adapters]:
    async with compose.opened(compose.embedded(settings)) as found:
        yield found


def row() -> Changes:
    return Changes([(PLACE, [Write(str(uuid4()), {"conversation_id": "c"}, {"sent": {"pos": 1, "n": 1}})])], [])


def test_processor_is_found_by_its_name(settings: Settings) -> None:
    found = compose.embedded(settings)
    for name in compose.PROCESSORS:
        assert compose.processor(name, found.documents, found.index).name == name
    with pytest.raises(KeyError):
        compose.processor("nothing", found.documents, found.index)


async def test_directory_accepts_one_system(system: Adapters, settings: Settings) -> None:
    with pytest.RaisesGroup(AlreadyWriting):
        async with compose.opened(compose.embedded(settings)):
            pytest.fail("there are two")
    await system.log.append(RECORD)


@pytest.mark.parametrize("access", ["read", "rebuild"])
async def test_reader_and_rebuild_cannot_append(system: Adapters, settings: Settings, access: Access) -> None:
    async with compose.opened(compose.embedded(settings, access)) as beside:
        assert beside.log.epoch == system.log.epoch
        with pytest.raises(Unavailable):
            await beside.log.append(RECORD)


async def test_reader_cannot_save(system: Adapters, settings: Settings) -> None:
    async with compose.opened(compose.embedded(settings, "read")) as beside:
        with pytest.raises(Unavailable):
            await beside.documents.save(row())
        with pytest.raises(Unavailable):
            await beside.index.begin(7)


async def test_rebuild_and_system_see_each_others_rows(system: Adapters, settings: Settings) -> None:
    async with compose.opened(compose.embedded(settings, "rebuild")) as beside:
        await beside.index.begin(7)
        for one, other in ((system, beside), (beside, system)):
            (made,) = await one.documents.save(row())
            assert made in await other.documents.get(PLACE, [made])
        assert len(await system.documents.scan(PLACE)) == 2
        assert await beside.documents.compare_and_set("p", {"n": 1}, None)
        assert not await system.documents.compare_and_set("p", {"n": 2}, None)
        assert await system.documents.compare_and_set("p", {"n": 2}, {"n": 1})
        await beside.documents.drop([PLACE])
        assert await system.documents.scan(PLACE) == []
    with pytest.raises(Unavailable):
        await system.documents.save(row())  # its table is gone; the next try creates it
    assert await system.documents.save(row())
