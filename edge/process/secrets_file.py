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
SEED_BYTES: Final = 32


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """The credentials of an application at the gateway, the secret that signs tokens, and the seed of the key that
    signs checkpoints of the audit log: 32 bytes in hex, empty in files of before.
    """

    app_key: str
    app_secret: str
    token_secret: str
    audit_seed: str = ""


def made() -> Secrets:
    """Return new secrets of letters and digits: one that began with a dash would be an option on a command line."""
    return Secrets(
        app_key=f"app_{secrets.token_hex(8)}",
        app_secret=secrets.token_hex(32),
        token_secret=secrets.token_hex(32),
        audit_seed=secrets.token_hex(SEED_BYTES),
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
    found = _read(path)
    return found if found.audit_seed else _with_seed(path, found)


def _with_seed(path: Path, found: Secrets) -> Secrets:
    """Complete the file of an older version."""
    whole = msgspec.structs.replace(found, audit_seed=secrets.token_hex(SEED_BYTES))
    private_files.write_file(path, msgspec.json.encode(whole))
    return whole


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
    whole = found.app_key and found.app_secret and len(found.token_secret.encode()) >= SECRET_BYTES
    if not (whole and (not found.audit_seed or is_seed(found.audit_seed))):
        raise InvalidSettings(
            f"{path} is broken (a secret is too short): put it back from a backup, or remove it: {again}"
        )
    return found


def filled(settings: Settings, *needed: str) -> Settings:
    """Return the settings with secrets: the given ones; embedded, else those of the data directory, generated if
    missing. On the stack the `needed` ones must be given. Raises `InvalidSettings`.
    """
    _check(settings, *needed)
    if settings.adapters == "stack" or all(getattr(settings, name) for name in Secrets.__struct_fields__):
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
    if settings.audit_seed and not is_seed(settings.audit_seed):
        raise InvalidSettings(f"CAAS_AUDIT_SEED: it is {SEED_BYTES} bytes in hex, as `openssl rand -hex 32` makes them")


def is_seed(text: str) -> bool:
    """Return whether a text is a seed: 32 bytes in hex."""
    try:
        return len(bytes.fromhex(text)) == SEED_BYTES
    except ValueError:
        return False


def _with(settings: Settings, known: Secrets) -> Settings:
    return msgspec.structs.replace(
        settings,
        app_key=settings.app_key or known.app_key,
        app_secret=settings.app_secret or known.app_secret,
        token_secret=settings.token_secret or known.token_secret,
        audit_seed=settings.audit_seed or known.audit_seed,
    )
