"""Signed checkpoints of the audit log (C2SP's tlog-checkpoint): size and root of a tenant's tree, and who says so.

A checkpoint that is kept elsewhere proves later that its records are still what they were, in their order.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self
from urllib.parse import quote

from core.audit.merkle import HASH_BYTES
from core.audit.note import NoteRejected, SigningKey, VerifierKey, open_note, sign_note, split_note

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root of the tree of `size` leaves of the log that `origin` names; further lines are only carried along."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the text that is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the checkpoint of such a text. Raises `NoteRejected`."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not all(lines) or not _SIZE.fullmatch(lines[1]):
            raise NoteRejected("this note is no checkpoint")
        origin, size, encoded, *extensions = lines
        found = cls(origin, int(size), _root(encoded), tuple(extensions))
        if found.text() != text:
            raise NoteRejected("this root is not encoded as checkpoints encode it")
        return found


class Verified(NamedTuple):
    """A checkpoint, and the known keys that signed it, one at least."""

    checkpoint: Checkpoint
    signers: tuple[VerifierKey, ...]


def origin_of(tenant: str) -> str:
    """Return the origin line of a tenant's log, which is the name of its keys too. Characters other than the letters of
    ASCII, digits, `_`, `.`, `-` and `~` are percent-encoded. Raises `ValueError`.
    """
    if not tenant:
        raise ValueError("a tenant has a name")
    return f"caas/{quote(tenant, safe='')}"


def sign(checkpoint: Checkpoint, keys: Sequence[SigningKey]) -> str:
    """Return the checkpoint as a note that each of these keys signed. Raises `NoteRejected` where it cannot be one."""
    if Checkpoint.from_text(checkpoint.text()) != checkpoint:
        raise NoteRejected(f"{checkpoint} is another one in writing")
    return sign_note(checkpoint.text(), keys)


def parse(note: str) -> Checkpoint:
    """Return the checkpoint of a note, whoever signed it. Raises `NoteRejected`."""
    return Checkpoint.from_text(split_note(note))


def verify(note: str, keys: Iterable[VerifierKey], origin: str) -> Verified:
    """Return the checkpoint of a note that one of these keys signed, and that is of this log. Raises `NoteRejected`."""
    text, signers = open_note(note, keys)
    found = Checkpoint.from_text(text)
    if found.origin != origin:
        raise NoteRejected(f"this is a checkpoint of {found.origin}, not of {origin}")
    return Verified(found, signers)


def _root(encoded: str) -> bytes:
    try:
        root = base64.b64decode(encoded, validate=True)
    except ValueError:
        root = b""
    if len(root) != HASH_BYTES:
        raise NoteRejected(f"{encoded!r} is no root")
    return root
