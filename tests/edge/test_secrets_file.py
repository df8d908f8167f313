"""Secrets are made once and never shown to others."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.settings import InvalidSettings, Settings
from edge import secrets_file
from edge.secrets_file import NAME, Secrets, filled, kept


def test_they_are_made_once_and_kept(tmp_path: Path) -> None:
    first = kept(tmp_path / "new")
    assert kept(tmp_path / "new") == first
    assert kept(tmp_path / "other") != first
    assert [path.name for path in (tmp_path / "new").iterdir()] == [NAME]


def test_only_their_owner_may_read_them(tmp_path: Path) -> None:
    kept(tmp_path)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_of_two_that_make_them_at_once_the_first_is_heeded_by_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each finds none, and the other writes before it does."""
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


def test_what_is_set_stands_above_what_is_kept(tmp_path: Path) -> None:
    known = kept(tmp_path)
    settings = filled(Settings(data=str(tmp_path), app_key="mine"))
    assert (settings.app_key, settings.app_secret, settings.token_secret) == (
        "mine",
        known.app_secret,
        known.token_secret,
    )


def test_where_all_are_set_nothing_is_written(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "none"), app_key="k", app_secret="s", token_secret="t" * 32)
    assert filled(settings) == settings
    assert not (tmp_path / "none").exists()


def test_a_token_secret_that_is_too_short_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="CAAS_TOKEN_SECRET"):
        filled(Settings(data=str(tmp_path), token_secret="t" * 31))


def test_on_the_stack_they_are_given_or_missed_and_never_made(tmp_path: Path) -> None:
    stack = Settings(adapters="stack", data=str(tmp_path / "none"), token_secret="t" * 32)
    assert filled(stack, "token_secret") == stack
    with pytest.raises(InvalidSettings, match="CAAS_APP_KEY"):
        filled(stack, "app_key", "token_secret")
    assert not (tmp_path / "none").exists()


def test_a_secret_is_an_argument_of_any_command_line() -> None:
    made = [secrets_file.made() for _ in range(200)]
    assert all(one.app_secret.isalnum() and len(one.app_secret) >= 32 and one.token_secret.isalnum() for one in made)
