"""Secrets are generated once and never readable by others."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from core.settings import InvalidSettings, Settings
from edge.process import secrets_file
from edge.process.secrets_file import NAME, Secrets, existing, filled, kept


def test_secrets_are_generated_once_and_kept(tmp_path: Path) -> None:
    first = kept(tmp_path / "new")
    assert kept(tmp_path / "new") == first
    assert kept(tmp_path / "other") != first
    assert [path.name for path in (tmp_path / "new").iterdir()] == [NAME]


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    kept(tmp_path)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_concurrent_processes_use_the_first_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process finds none, and the other writes first."""
    found: list[Secrets] = []
    made = secrets_file.made

    def slowly() -> Secrets:
        if not found:
            found.append(made())
            with ThreadPoolExecutor(1) as other, monkeypatch.context() as there:
                there.setattr("os.getpid", lambda: 0)
                found.append(other.submit(kept, tmp_path).result())
        return made()

    monkeypatch.setattr(secrets_file, "made", slowly)
    assert kept(tmp_path) == found[1]


def test_setting_replaces_kept_secret(tmp_path: Path) -> None:
    known = kept(tmp_path)
    settings = filled(Settings(data=str(tmp_path), app_key="mine"))
    assert (settings.app_key, settings.app_secret, settings.token_secret) == (
        "mine",
        known.app_secret,
        known.token_secret,
    )


def test_no_file_is_written_if_all_secrets_are_set(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "none"), app_key="k", app_secret="s", token_secret="t" * 32)
    settings = msgspec.structs.replace(settings, audit_seed="ab" * 32)
    assert filled(settings) == settings
    assert not (tmp_path / "none").exists()


def test_short_token_secret_is_an_invalid_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="CAAS_TOKEN_SECRET"):
        filled(Settings(data=str(tmp_path), token_secret="t" * 31))


def test_stack_requires_secrets_and_generates_none(tmp_path: Path) -> None:
    stack = Settings(adapters="stack", data=str(tmp_path / "none"), token_secret="t" * 32)
    assert filled(stack, "token_secret") == stack
    with pytest.raises(InvalidSettings, match="CAAS_APP_KEY"):
        filled(stack, "app_key", "token_secret")
    assert not (tmp_path / "none").exists()


def test_secret_is_usable_as_a_command_line_argument() -> None:
    made = [secrets_file.made() for _ in range(200)]
    assert all(one.app_secret.isalnum() and len(one.app_secret) >= 32 and one.token_secret.isalnum() for one in made)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_readable_file_is_refused_with_advice(tmp_path: Path, mode: int) -> None:
    before = kept(tmp_path)
    path = tmp_path / NAME
    path.chmod(mode)
    with pytest.raises(InvalidSettings) as refused:
        filled(Settings(data=str(tmp_path)))
    said = str(refused.value)
    assert f"{path} is open to others (mode {mode:04o}): `chmod 600 {path}`" in said
    assert before.token_secret not in said and "\n" not in said
    path.chmod(0o600)
    assert kept(tmp_path) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"app_key":"k"}',
        b'{"app_key":"k","app_secret":"s","token_secret":"short"}',
        b'{"app_key":"","app_secret":"s","token_secret":"' + b"t" * 32 + b'"}',
    ],
)
def test_broken_file_is_refused_with_advice_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(InvalidSettings) as refused:
        filled(Settings(data=str(tmp_path)))
    said = str(refused.value)
    assert said.startswith(f"{path} is broken (") and "put it back from a backup, or remove it" in said
    assert "\n" not in said
    assert path.read_bytes() == content


def test_directory_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir(0o700)
    with pytest.raises(InvalidSettings, match="cannot be read"):
        kept(tmp_path)


def test_user_of_a_system_generates_no_secrets(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(InvalidSettings, match=f"there is no system in {data}: `caas up --data {data}` makes one"):
        existing(Settings(data=str(data)), "token_secret")
    assert not data.exists()
    given = Settings(data=str(data), token_secret="t" * 32)
    assert existing(given, "token_secret") == given
    data.mkdir()
    (data / "log.sqlite").touch()
    with pytest.raises(InvalidSettings, match="put it back from a backup"):
        existing(Settings(data=str(data)), "token_secret")
    known = kept(data)
    assert existing(Settings(data=str(data)), "token_secret").token_secret == known.token_secret
