"""Secrets of an embedded system: made at its first start, kept in its directory, readable by its owner alone."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from core.settings import InvalidSettings, Settings, only_given
from edge.auth.tokens import SECRET_BYTES

NAME: Final = "secrets.json"


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What an application shows to the gateway, and what tokens are signed with."""

    app_key: str
    app_secret: str
    token_secret: str


def made() -> Secrets:
    """New secrets, letters and digits alone: one that began with a dash would be an option on a command line."""
    return Secrets(
        app_key=f"app_{secrets.token_hex(8)}",
        app_secret=secrets.token_hex(32),
        token_secret=secrets.token_hex(32),
    )


def kept(data: Path) -> Secrets:
    """The secrets of this directory, made and written once."""
    path = data / NAME
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.encode(made()))
        with contextlib.suppress(FileExistsError):  # another process was first: its secrets stand
            path.hardlink_to(fresh)
        fresh.unlink()
    return msgspec.json.decode(path.read_bytes(), type=Secrets)


def filled(settings: Settings, *needed: str) -> Settings:
    """The settings with secrets: those given; embedded, else those of the data directory. On the stack those `needed`
    must be given. Raises `InvalidSettings`.
    """
    only_given(settings, *needed)
    if settings.token_secret and len(settings.token_secret.encode()) < SECRET_BYTES:
        raise InvalidSettings(f"CAAS_TOKEN_SECRET: it needs at least {SECRET_BYTES} bytes")
    if settings.adapters == "stack" or (settings.app_key and settings.app_secret and settings.token_secret):
        return settings
    known = kept(Path(settings.data))
    return msgspec.structs.replace(
        settings,
        app_key=settings.app_key or known.app_key,
        app_secret=settings.app_secret or known.app_secret,
        token_secret=settings.token_secret or known.token_secret,
    )
