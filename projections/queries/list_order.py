"""The order of a conversation list, and the cursor that goes through it: what was pinned last first, then by last
activity, the newest first.

A key is the number of the pin, or the time of the last activity, and the conversation's id, so no two are alike. What
moves to the top while somebody pages is told with the next page, before what follows: so nobody is missed, and who
moved is told again. What is pinned and what is not are told apart, since both have a top.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from core.domain.decision import Rejected, field_error


class Key(NamedTuple):
    """Where a conversation stands in the list; `pin` is 0 where it is not pinned, `at` says nothing where it is."""

    pin: int
    at: str
    id: str


class ListedKey(NamedTuple):
    """Told are the keys from `last` up to `top`; beyond `top` there is what moved since."""

    top: Key
    last: Key


@dataclass(frozen=True, slots=True)
class Cursor:
    """What was told of those that are pinned, and of the others; None where nothing was."""

    pinned: ListedKey | None = None
    rest: ListedKey | None = None


def ordered(keys: Iterable[Key], cursor: Cursor) -> list[Key]:
    """What is still to be told: of those that are pinned what moved since, the one that moved first before the others,
    and then the rest of them; and of the others in the same way.
    """
    pinned, rest = _apart(keys)
    return [*_left(pinned, cursor.pinned), *_left(rest, cursor.rest)]


def after(cursor: Cursor, told: Iterable[Key]) -> Cursor:
    """The cursor once these were told, the first ones of what `ordered` answered."""
    pinned, rest = _apart(told)
    return Cursor(_after(cursor.pinned, pinned), _after(cursor.rest, rest))


def _apart(keys: Iterable[Key]) -> tuple[list[Key], list[Key]]:
    found: tuple[list[Key], list[Key]] = ([], [])
    for key in keys:
        found[0 if key.pin else 1].append(key)
    return found


def _left(keys: Sequence[Key], told: ListedKey | None) -> list[Key]:
    if told is None:
        return sorted(keys, reverse=True)
    moved = sorted(key for key in keys if key > told.top)
    return [*moved, *sorted((key for key in keys if key < told.last), reverse=True)]


def _after(before: ListedKey | None, told: Sequence[Key]) -> ListedKey | None:
    if not told:
        return before
    if before is None:
        return ListedKey(told[0], told[-1])
    moved = [key for key in told if key > before.top]
    rest = told[len(moved) :]
    return ListedKey(moved[-1] if moved else before.top, rest[-1] if rest else before.last)


def packed(cursor: Cursor) -> str:
    """The cursor as a client keeps it."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((cursor.pinned, cursor.rest))).decode().rstrip("=")


def unpacked(text: str, *, present: bool) -> Cursor:
    """A cursor that a client gives back. Raises `Rejected` where it is none, or one of the other list: those that
    somebody was in have no time.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = Cursor(*msgspec.msgpack.decode(data, type=tuple[ListedKey | None, ListedKey | None]))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise _no_cursor() from None
    keys = (*(cursor.pinned or ()), *(cursor.rest or ()))
    if any(bool(key.pin or key.at) != present for key in keys):
        raise _no_cursor()
    return cursor


def _no_cursor() -> Rejected:
    return field_error("after", "value", "this is no cursor that a page of this list ended with")
