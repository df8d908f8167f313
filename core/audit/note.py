"""Signed notes of C2SP (signed-note): a text, and who signed it with Ed25519, as Go's `sumdb/note` has them.

A key is known by its name and its id, which is derived from name and public key. So a new key is one more line in the
list of keys, and an old note is still verified by the key that signed it.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_SIGNATURES: Final = 100
_ED25519: Final = b"\x01"
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_SECRET: Final = "PRIVATE+KEY+"  # noqa: S105 -- what stands before a key, not a key
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteRejected(ValueError):
    """The note is malformed, or not signed as it must be."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name, without spaces and `+`, and the 32 bytes of its public key. Raises `ValueError`."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.public) != _KEY_BYTES:
            raise ValueError(f"{self.name!r} with {len(self.public)} bytes is no verifier key")

    @property
    def key_id(self) -> bytes:
        """The four bytes by which signatures refer to it."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key of a text `name+id+key`. Raises `ValueError`, without the text: it may be a secret."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        decoded = _decoded(encoded)
        found = cls(name, decoded[1:])
        if not decoded.startswith(_ED25519) or key_id != found.key_id.hex():
            raise ValueError("this is no verifier key of Ed25519, or its id is of another")
        return found


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A name and the 32 secret bytes, the seed, of its Ed25519 key. Raises `ValueError`."""

    name: str
    seed: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.seed) != _KEY_BYTES:
            raise ValueError(f"{self.name!r} with {len(self.seed)} bytes is no signing key")

    @property
    def verifier(self) -> VerifierKey:
        """The key that verifies what this one signs."""
        return VerifierKey(self.name, self._key().public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._key().sign(text)

    def secret_text(self) -> str:
        """Return it as text, with the secret: `PRIVATE+KEY+name+id+key`."""
        return f"{_SECRET}{self.name}+{self.verifier.key_id.hex()}+{base64.b64encode(_ED25519 + self.seed).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key of such a text. Raises `ValueError`, without the text."""
        name, _, rest = text.removeprefix(_SECRET).partition("+")
        key_id, _, encoded = rest.partition("+")
        decoded = _decoded(encoded)
        found = cls(name, decoded[1:])
        known = text.startswith(_SECRET) and decoded.startswith(_ED25519)
        if not known or key_id != found.verifier.key_id.hex():
            raise ValueError("this is no signing key of Ed25519, or its id is of another")
        return found

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


class SignedText(NamedTuple):
    """A text, and the known keys that signed it, one at least."""

    text: str
    signers: tuple[VerifierKey, ...]


class _Signature(NamedTuple):
    name: str
    key_id: bytes
    signature: bytes


def verifier_keys(text: str) -> list[VerifierKey]:
    """Return the keys of a file, one a line; empty lines and those after `#` do not count. Raises `ValueError`."""
    lines = (line.strip() for line in text.split("\n"))
    return [VerifierKey.parse(line) for line in lines if line and not line.startswith("#")]


def sign_note(text: str, keys: Sequence[SigningKey]) -> str:
    """Return the text with a signature line of each key. Raises `NoteRejected` for a text that no note has."""
    signatures = (base64.b64encode(key.verifier.key_id + key.sign(text.encode())).decode() for key in keys)
    note = f"{text}\n" + "".join(f"— {key.name} {signature}\n" for key, signature in zip(keys, signatures, strict=True))
    if split_note(note) != text:
        raise NoteRejected("a note with such a text is another note")
    return note


def split_note(note: str) -> str:
    """Return the text of a note, whoever signed it. Raises `NoteRejected`."""
    return _parsed(note)[0]


def open_note(note: str, keys: Iterable[VerifierKey]) -> SignedText:
    """Return the text of a note that a known key signed; unknown keys do not count. Raises `NoteRejected`, also where
    one signature of a known key is false.
    """
    text, signatures = _parsed(note)
    known = {(key.name, key.key_id): key for key in keys}
    signers: dict[VerifierKey, None] = {}
    for name, key_id, signature in signatures:
        key = known.get((name, key_id))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
        except InvalidSignature:
            raise NoteRejected(f"the signature of {key.name}+{key.key_id.hex()} is false") from None
        signers[key] = None
    if not signers:
        raise NoteRejected(f"no known key signed it, but {_names(signatures)}")
    return SignedText(text, tuple(signers))


def _parsed(note: str) -> tuple[str, list[_Signature]]:
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or _CONTROL.search(note):
        raise NoteRejected("this is no signed note")
    signatures = [_signature(line) for line in lines[:-1].split("\n")]
    if len(signatures) > MAX_SIGNATURES:
        raise NoteRejected(f"a note of {len(signatures)} signatures, where {MAX_SIGNATURES} are read")
    return f"{text}\n", signatures


def _signature(line: str) -> _Signature:
    name, _, encoded = line.removeprefix("— ").partition(" ")
    try:
        decoded = _decoded(encoded)
    except ValueError as error:
        raise NoteRejected(f"{line!r}: {error}") from None
    if not line.startswith("— ") or not _is_name(name) or len(decoded) <= _ID_BYTES:
        raise NoteRejected(f"{line!r} is no signature line")
    return _Signature(name, decoded[:_ID_BYTES], decoded[_ID_BYTES:])


def _names(signatures: list[_Signature]) -> str:
    return ", ".join(f"{name}+{key_id.hex()}" for name, key_id, _ in signatures)


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is no base64") from None


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)
