"""Unordered bulk writes that never lose one to a race: what collides on its key is written again as an update."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pymongo
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
)

from core.ports.documents import RowTooLarge, StoreBroken, Write
from core.ports.event_log import Unavailable
from projections.stores.mongo_rows import document_of, update_of

DUPLICATE: Final = 11000
ATTEMPTS: Final = 5
_PASSING: Final = frozenset(
    {6, 7, 43, 50, 64, 89, 91, 100, 134, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 14031}
)
"""Codes of a server that is stepping down, shutting down, out of time, out of disk, cannot reach its majority, or has
let go of a cursor.
"""
_TOO_LARGE: Final = frozenset({10334, 17419, 17420})
"""Codes of a document that is, or that an update would make, larger than 16 MiB."""


@contextmanager
def bounded(timeout_s: float) -> Iterator[None]:
    """A deadline for all that is done inside; a server that is down raises `Unavailable`, one that refuses what it is
    asked `StoreBroken`, and where it is a row's size `RowTooLarge`.
    """
    try:
        with pymongo.timeout(timeout_s):
            yield
    except DocumentTooLarge as error:
        raise RowTooLarge(f"MongoDB: {str(error)[:300]}") from error
    except PyMongoError as error:
        if is_outage(error):
            raise Unavailable(f"MongoDB: {str(error)[:300]}") from error
        if _codes(error) & _TOO_LARGE:
            raise RowTooLarge(f"MongoDB: {str(error)[:300]}") from error
        raise StoreBroken(f"MongoDB: {str(error)[:300]}") from error


def is_outage(error: PyMongoError) -> bool:
    """Whether waiting helps."""
    if error.timeout or isinstance(
        error, (ConnectionFailure, AutoReconnect, DuplicateKeyError)
    ):  # two made one at once
        return True
    if isinstance(error, OperationFailure):
        codes = _codes(error)
        return codes <= _PASSING and bool(codes or (error.details or {}).get("writeConcernErrors"))
    return isinstance(error, InvalidOperation) and "after close" in str(error)


def _codes(error: PyMongoError) -> set[Any]:
    """What a server refused, but duplicates of a bulk."""
    if isinstance(error, BulkWriteError):
        details: Mapping[str, Any] = error.details or {}
        return {one["code"] for one in details.get("writeErrors", ())} - {DUPLICATE}
    return {error.code} if isinstance(error, OperationFailure) else set()


async def save_rows(collection: Any, writes: Sequence[Write], bulk: int) -> set[str]:
    """Save rows, the probably new ones by an insert, which proves that they are; the ids of those made."""
    made: set[str] = set()
    for part in _parts(writes, bulk):
        new = [write for write in part if not write.exists]
        known = [write for write in part if write.exists]
        collided = await _insert(collection, new)
        made |= _inserted(new, collided)
        made |= await upsert(collection, [*[new[n] for n in collided], *known], bulk)
    return made


def _inserted(new: Sequence[Write], collided: Sequence[int]) -> set[str]:
    lost = set(collided)
    return {write.id for n, write in enumerate(new) if n not in lost}


async def _insert(collection: Any, writes: Sequence[Write]) -> list[int]:
    """Insert what is not there; the indexes of those that are."""
    if not writes:
        return []
    try:
        await collection.insert_many([document_of(write) for write in writes], ordered=False)
    except BulkWriteError as error:
        return _collisions(error)
    return []


async def upsert(collection: Any, writes: Sequence[Write], bulk: int) -> set[str]:
    """Keep what is newer, facet by facet; the ids of rows that were not there."""
    made: set[str] = set()
    for part in _parts(writes, bulk):
        left = list(part)
        for _ in range(ATTEMPTS):
            made_now, collided = await _upsert_once(collection, left)
            made |= made_now
            left = [left[n] for n in collided]
            if not left:
                break
        else:
            raise Unavailable(f"MongoDB: {len(left)} upserts collided {ATTEMPTS} times")
    return made


async def _upsert_once(collection: Any, writes: Sequence[Write]) -> tuple[set[str], list[int]]:
    try:
        result = await collection.bulk_write([update_of(write) for write in writes], ordered=False)
        upserted = result.upserted_ids or {}
        return set(upserted.values()), []
    except BulkWriteError as error:
        collided = _collisions(error)
        details: Mapping[str, Any] = error.details or {}
        return {one["_id"] for one in details.get("upserted", ())}, collided


def _collisions(error: BulkWriteError) -> list[int]:
    """The indexes of the writes that met another of the same key. Raises the error when there was anything else."""
    details: Mapping[str, Any] = error.details or {}
    failures = details.get("writeErrors", ())
    if details.get("writeConcernErrors") or any(one["code"] != DUPLICATE for one in failures):
        raise error
    return sorted(one["index"] for one in failures)


def _parts(writes: Sequence[Write], size: int) -> Iterator[Sequence[Write]]:
    for start in range(0, len(writes), size):
        yield writes[start : start + size]
