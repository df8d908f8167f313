"""Keep the secrets of an embedded system: generated at its first start, in its directory, readable by its owner alone.

No other file has them. A file that others may read, or that is broken, is refused in one line.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

import msgspec

from core import private_files
from core.settings import InvalidSettings, Settings, require_secrets
from edge.auth.tokens import SECRET_BYTES
from edge.process.data_directory import is_system

NAME: Final = "secrets.json"


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """The credentials of an application at the gateway, and the secret that signs tokens."""

    app_key: str
    app_secret: str
    token_secret: str


def made() -> Secrets:
    """Return new secrets of letters and digits: one that began with a dash would be an option on a command line."""
    return Secrets(
        app_key=f"app_{secrets.token_hex(8)}",
        app_secret=secrets.token_hex(32),
        token_secret=secrets.token_hex(32),
    )


def kept(data: Path) -> Secrets:
    """Return the secrets of this directory, generated at the first call. Raises `InvalidSettings` if unusable."""
    path = data / NAME
    if not path.exists():
        private_files.make_directory(data)
        fresh = path.with_suffix(f".{os.getpid()}")
        private_files.make_file(fresh)
        fresh.write_bytes(msgspec.json.encode(made()))
        with contextlib.suppress(FileExistsError):  # another process was first: its secrets are used
            path.hardlink_to(fresh)
        fresh.unlink()
    return _read(path)


def _read(path: Path) -> Secrets:
    again = "then others are made, and every token and application key of before is refused"
    try:
        if private_files.open_to_others(path):
            raise InvalidSettings(
                f"{path} is open to others (mode {stat.S_IMODE(path.stat().st_mode):04o}): `chmod 600 {path}` where"
                f" nobody else can have read it, else remove it: {again}"
            )
        found = msgspec.json.decode(path.read_bytes(), type=Secrets)
    except OSError as error:
        raise InvalidSettings(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidSettings(
            f"{path} is broken ({error}): put it back from a backup, or remove it: {again}"
        ) from error
    if not (found.app_key and found.app_secret and len(found.token_secret.encode()) >= SECRET_BYTES):
        raise InvalidSettings(
            f"{path} is broken (a secret is too short): put it back from a backup, or remove it: {again}"
        )
    return found


def filled(settings: Settings, *needed: str) -> Settings:
    """Return the settings with secrets: the given ones; embedded, else those of the data directory, generated if
    missing. On the stack the `needed` ones must be given. Raises `InvalidSettings`.
    """
    _check(settings, *needed)
    if settings.adapters == "stack" or (settings.app_key and settings.app_secret and settings.token_secret):
        return settings
    return _with(settings, kept(Path(settings.data)))


def existing(settings: Settings, *needed: str) -> Settings:
    """Return the settings with the `needed` secrets, as `filled`, for a program that uses an existing system: nothing
    is written. Raises `InvalidSettings`.
    """
    _check(settings, *needed)
    if settings.adapters == "stack" or all(getattr(settings, name) for name in needed):
        return settings
    data = Path(settings.data)
    if not (data / NAME).exists():
        made = f"`caas up --data {data}`"
        raise InvalidSettings(
            f"{data} has no {NAME}: put it back from a backup, or let {made} make others"
            if is_system(data)
            else f"there is no system in {data}: {made} makes one"
        )
    return _with(settings, kept(data))


def _check(settings: Settings, *needed: str) -> None:
    require_secrets(settings, *needed)
    if settings.token_secret and len(settings.token_secret.encode()) < SECRET_BYTES:
        raise InvalidSettings(f"CAAS_TOKEN_SECRET: it needs at least {SECRET_BYTES} bytes")


def _with(settings: Settings, known: Secrets) -> Settings:
    return msgspec.structs.replace(
        settings,
        app_key=settings.app_key or known.app_key,
        app_secret=settings.app_secret or known.app_secret,
        token_secret=settings.token_secret or known.token_secret,
    )
