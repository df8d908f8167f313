"""A data directory of an earlier version is opened: it answers as it did, goes on, and its read models are its log."""

import json
from pathlib import Path

import pytest

from edge.composition import compose
from schemas.topics import TOPICS, partitions
from streams.log.sqlite.log import SqliteLog
from tests.data.kept.continuing import assert_answers, say_more
from tests.data.kept.make import UNLIMITED, node_of
from tests.data.kept.reading import EPOCH, VERSIONS, answers, records, unpack
from tests.e2e.processes import run
from tests.e2e.up import Up, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name),
]


def caas(up: Up, *arguments: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(run(*arguments, "--data", str(up.data), "--json"))
    return found


def assert_verified(up: Up) -> None:
    assert caas(up, "verify") == {name: [] for name in compose.PROCESSORS}


async def test_directory_is_read_rebuilt_and_continued(version: Path, tmp_path: Path) -> None:
    unpack(version, tmp_path / "data")
    kept = answers(version)
    with running(tmp_path, UNLIMITED, name="first") as up:
        await assert_answers(node_of(up), kept)
        assert_verified(up)
        for name in compose.PROCESSORS:
            assert caas(up, "rebuild", name)["outcome"] == "switched"
    with running(tmp_path, UNLIMITED, name="second") as up:
        await assert_answers(node_of(up), kept)
        await say_more(node_of(up), kept)
        assert_verified(up)


async def test_directory_and_exported_log_have_the_same_records(version: Path, tmp_path: Path) -> None:
    unpack(version, tmp_path / "data")
    log = SqliteLog(tmp_path / "data" / "log.sqlite", read_only=True)
    await log.start()
    try:
        assert log.epoch == EPOCH
        places = partitions(*TOPICS)
        ends = await log.end_offsets(places)
        found = [one async for batch in log.read(dict.fromkeys(places, 0), ends) for one in batch]
    finally:
        await log.stop()
    order = [(one.topic, one.partition, one.offset) for one in found]
    assert [found[n] for n in sorted(range(len(found)), key=order.__getitem__)] == records(version)
