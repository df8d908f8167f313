"""The directory of an embedded system is private to its owner, whatever the umask and whoever created it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from edge.composition import compose
from edge.process import data_directory


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Set an open umask, so that nothing is private by chance."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(data: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, *data.iterdir())}


async def test_new_system_is_private_while_it_runs_and_after(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with compose.opened(compose.embedded(Settings(data=str(data)))):
        found = modes(data)
        assert {"log.sqlite", "log.sqlite-wal", "log.sqlite-shm", "log.sqlite.lock"} <= found.keys()
        assert {"documents.sqlite", "documents.sqlite-wal", "search.sqlite", "search.sqlite-wal"} <= found.keys()
        assert found.pop("data") == 0o700
        assert set(found.values()) == {0o600}
    assert set(modes(data).values()) == {0o700, 0o600}


async def test_open_files_are_made_private_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = tmp_path / "data"
    async with compose.opened(compose.embedded(Settings(data=str(data)))):
        pass
    (data / "up.json").write_text("{}")
    (data / "mine.txt").touch(0o644)
    for path in data.iterdir():
        path.chmod(0o644)
    data.chmod(0o755)
    for _ in range(2):
        async with compose.opened(compose.embedded(Settings(data=str(data)))):
            found = modes(data)
        assert (found.pop("data"), found.pop("mine.txt"), set(found.values())) == (0o700, 0o644, {0o600})
    (said,) = [record.getMessage() for record in caplog.records if record.name == "caas.data"]
    assert said.startswith(f"{data} could be read by others") and "up.json held the app secret" in said


async def test_reader_changes_no_permissions(tmp_path: Path) -> None:
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))):
        tmp_path.chmod(0o755)
        compose.embedded(Settings(data=str(tmp_path)), "read")
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_directory_with_log_or_rows_is_a_system(tmp_path: Path) -> None:
    assert not data_directory.is_system(tmp_path)
    (tmp_path / "log.sqlite").touch()
    assert data_directory.is_system(tmp_path)
