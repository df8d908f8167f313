"""Checkpoints are kept as files, in the order of their trees, each tenant's apart, and never replaced."""

from pathlib import Path

import pytest

from projections.checkpoints.folder import CheckpointFolder


async def test_kept_notes_come_in_the_order_of_their_sizes(tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path / "checkpoints")
    for size in (1000, 9, 264):
        await kept.keep("acme", size, f"note of {size}\n")
    assert await kept.kept("acme") == ["note of 9\n", "note of 264\n", "note of 1000\n"]
    assert await kept.kept("acme", after=9) == ["note of 264\n", "note of 1000\n"]
    assert await kept.kept("acme", limit=1) == ["note of 9\n"]
    assert await kept.newest("acme") == "note of 1000\n"
    assert await CheckpointFolder(tmp_path / "checkpoints").newest("acme") == "note of 1000\n"


async def test_kept_note_is_not_replaced(tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path)
    await kept.keep("acme", 9, "first\n")
    await kept.keep("acme", 9, "second\n")
    assert await kept.kept("acme") == ["first\n"]


async def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path / "never made")
    assert (await kept.kept("acme"), await kept.newest("acme")) == ([], None)


@pytest.mark.parametrize("tenant", ["..", "a/b", ".", "\u00e4 b"])
async def test_every_name_of_a_tenant_stays_in_the_directory(tmp_path: Path, tenant: str) -> None:
    folder = tmp_path / "checkpoints"
    kept = CheckpointFolder(folder)
    await kept.keep(tenant, 1, "note\n")
    assert await kept.newest(tenant) == "note\n"
    assert [path.parent.parent for path in tmp_path.rglob("*.checkpoint")] == [folder]


async def test_tenants_of_long_names_have_folders_of_their_own(tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path)
    for tenant in (long := ["\u00e9" * 200 + end for end in "ab"]):
        await kept.keep(tenant, 1, f"note of {tenant[-1]}\n")
    assert [await kept.newest(tenant) for tenant in long] == ["note of a\n", "note of b\n"]


async def test_damaged_file_is_returned_with_marks(tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path)
    await kept.keep("acme", 9, "note\n")
    (file,) = tmp_path.rglob("*.checkpoint")
    file.write_bytes(b"n\xffte\n")
    assert await kept.newest("acme") == "n\ufffdte\n"
    assert await kept.kept("acme") == ["n\ufffdte\n"]


async def test_other_files_do_not_count(tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path)
    await kept.keep("acme", 9, "note\n")
    (tmp_path / "tenant-acme" / "mine.checkpoint").write_text("mine")
    assert await kept.kept("acme") == ["note\n"]
    (found,) = tmp_path.rglob("0*.checkpoint")
    assert (found.stat().st_mode & 0o777, found.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        await CheckpointFolder(tmp_path / "file").keep("acme", 1, "note\n")
