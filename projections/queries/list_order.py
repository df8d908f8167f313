"""The order of a conversation list, and its cursor: pinned ones first, the last pinned before others, then by last
activity, the newest first.

A key is the number of the pin or the time of the last activity, and the conversation's id, so keys are unique. A
conversation that moves to the top while a client pages is listed with the next page, before the rest: so none is
missed, and one that moved is listed again. Pinned and unpinned ones have separate positions, since both have a top.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from core.domain.decision import Rejected, field_error


class Key(NamedTuple):
    """The position of a conversation in the list; `pin` is 0 if it is not pinned, `at` is empty if it is."""

    pin: int
    at: str
    id: str


class ListedKey(NamedTuple):
    """The keys from `last` up to `top` are listed; keys beyond `top` moved since."""

    top: Key
    last: Key


@dataclass(frozen=True, slots=True)
class Cursor:
    """What was listed of the pinned ones and of the others; None for nothing."""

    pinned: ListedKey | None = None
    rest: ListedKey | None = None


def ordered(keys: Iterable[Key], cursor: Cursor) -> list[Key]:
    """Return the keys still to be listed: of the pinned ones those that moved since, in the order of moving, and then
    the rest; and then of the others in the same way.
    """
    pinned, rest = _split(keys)
    return [*_remaining(pinned, cursor.pinned), *_remaining(rest, cursor.rest)]


def after(cursor: Cursor, listed: Iterable[Key]) -> Cursor:
    """Return the cursor after these were listed, the first keys that `ordered` returned."""
    pinned, rest = _split(listed)
    return Cursor(_after(cursor.pinned, pinned), _after(cursor.rest, rest))


def _split(keys: Iterable[Key]) -> tuple[list[Key], list[Key]]:
    found: tuple[list[Key], list[Key]] = ([], [])
    for key in keys:
        found[0 if key.pin else 1].append(key)
    return found


def _remaining(keys: Sequence[Key], listed: ListedKey | None) -> list[Key]:
    if listed is None:
        return sorted(keys, reverse=True)
    moved = sorted(key for key in keys if key > listed.top)
    return [*moved, *sorted((key for key in keys if key < listed.last), reverse=True)]


def _after(before: ListedKey | None, listed: Sequence[Key]) -> ListedKey | None:
    if not listed:
        return before
    if before is None:
        return ListedKey(listed[0], listed[-1])
    moved = [key for key in listed if key > before.top]
    rest = listed[len(moved) :]
    return ListedKey(moved[-1] if moved else before.top, rest[-1] if rest else before.last)


def packed(cursor: Cursor) -> str:
    """Return the cursor as text for a client."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((cursor.pinned, cursor.rest))).decode().rstrip("=")


def unpacked(text: str, *, present: bool) -> Cursor:
    """Return the cursor in a client's text. Raises `Rejected` if it is none, or one of the other list: keys of
    conversations that the user has left have no time.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = Cursor(*msgspec.msgpack.decode(data, type=tuple[ListedKey | None, ListedKey | None]))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise _invalid_cursor() from None
    keys = (*(cursor.pinned or ()), *(cursor.rest or ()))
    if any(bool(key.pin or key.at) != present for key in keys):
        raise _invalid_cursor()
    return cursor


def _invalid_cursor() -> Rejected:
    return field_error("after", "value", "this is no cursor that a page of this list ended with")
