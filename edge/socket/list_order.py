"""The order of a conversation list, and the cursor that goes through it: by last activity, the newest first.

A key is the time of the last activity and the conversation's id, so no two are alike. What moves to the top while
somebody pages is told with the next page, before what follows: so nobody is missed, and who moved is told again.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from core.domain.decision import misfit


class Key(NamedTuple):
    """Where a conversation stands in the list."""

    at: str
    id: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """Told are the keys from `last` up to `top`; beyond `top` there is what moved since."""

    top: Key
    last: Key


def ordered(keys: Iterable[Key], cursor: Cursor | None) -> list[Key]:
    """What is still to be told: what moved since, the one that moved first before the others, and then the rest."""
    if cursor is None:
        return sorted(keys, reverse=True)
    moved, rest = list[Key](), list[Key]()
    for key in keys:
        if key > cursor.top:
            moved.append(key)
        elif key < cursor.last:
            rest.append(key)
    return [*sorted(moved), *sorted(rest, reverse=True)]


def after(cursor: Cursor | None, told: Sequence[Key]) -> Cursor:
    """The cursor once these were told, the first ones of what `ordered` answered."""
    if cursor is None:
        return Cursor(told[0], told[-1])
    moved = [key for key in told if key > cursor.top]
    rest = told[len(moved) :]
    return Cursor(moved[-1] if moved else cursor.top, rest[-1] if rest else cursor.last)


def packed(cursor: Cursor) -> str:
    """The cursor as a client keeps it."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((*cursor.top, *cursor.last))).decode().rstrip("=")


def unpacked(text: str) -> Cursor:
    """A cursor that a client gives back. Raises `Rejected` where it is none."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        top_at, top, last_at, last = msgspec.msgpack.decode(data, type=tuple[str, str, str, str])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise misfit("after", "value", "this is no cursor that a page of this list ended with") from None
    return Cursor(Key(top_at, top), Key(last_at, last))
