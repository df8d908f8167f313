"""Created files are for their owner alone, and permissions of others are removed."""

import fcntl
import stat
from pathlib import Path

from core import private_files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_created_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "new"
    private_files.make_directory(place)
    private_files.make_file(place / "made")
    private_files.write_file(place / "written", b"text")
    assert (mode(place), mode(place / "made"), mode(place / "written")) == (0o700, 0o600, 0o600)
    assert (place / "written").read_bytes() == b"text"
    assert {path.name for path in place.iterdir()} == {"made", "written"}


def test_existing_file_keeps_its_content_and_locks(tmp_path: Path) -> None:
    path = tmp_path / "locked"
    path.write_text("kept")
    with path.open("r+") as ours:
        fcntl.lockf(ours, fcntl.LOCK_EX)
        private_files.make_file(path)
        locks = Path("/proc/locks").read_text()
        assert any(line.split()[-3].endswith(f":{path.stat().st_ino}") for line in locks.splitlines())
    assert path.read_text() == "kept"


def test_file_open_to_others_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "open"
    path.write_text("old")
    path.chmod(0o644)
    private_files.write_file(path, b"new")
    assert (mode(path), path.read_text()) == (0o600, "new")


def test_open_paths_are_tightened_once(tmp_path: Path) -> None:
    directory, open_to_all, private = tmp_path / "d", tmp_path / "open", tmp_path / "private"
    directory.mkdir()
    directory.chmod(0o755)
    for path, bits in ((open_to_all, 0o664), (private, 0o600)):
        path.touch()
        path.chmod(bits)
    everything = (directory, open_to_all, private, tmp_path / "missing")
    assert private_files.tighten(everything) == [directory, open_to_all]
    assert (mode(directory), mode(open_to_all), mode(private)) == (0o700, 0o600, 0o600)
    assert private_files.tighten(everything) == []


def test_shared_directories_and_link_targets_stay_unchanged(tmp_path: Path) -> None:
    shared, link, target = tmp_path / "shared", tmp_path / "link", tmp_path / "target"
    shared.mkdir()
    shared.chmod(0o1777)
    target.touch()
    target.chmod(0o644)
    link.symlink_to(target)
    assert private_files.tighten((shared, link)) == []
    assert (stat.S_IMODE(shared.stat().st_mode), mode(target)) == (0o1777, 0o644)
