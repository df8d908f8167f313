"""Writes unordered bulks without losing a write to a race: a duplicate key is written again as an update."""

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
_TEMPORARY: Final = frozenset(
    {6, 7, 43, 50, 64, 89, 91, 100, 134, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 14031}
)
"""Codes of a server that steps down, shuts down, timed out, is out of disk, cannot reach its majority, or has dropped a
cursor.
"""
_TOO_LARGE: Final = frozenset({10334, 17419, 17420})
"""Codes of a document that is larger than 16 MiB, or would be after an update."""


@contextmanager
def bounded(timeout_s: float) -> Iterator[None]:
    """Bound all calls inside by one deadline. Raises `Unavailable` if the server is down, `RowTooLarge` if it rejects a
    row's size, and `StoreBroken` if it rejects anything else.
    """
    try:
        with pymongo.timeout(timeout_s):
            yield
    except DocumentTooLarge as error:
        raise RowTooLarge(f"MongoDB: {str(error)[:300]}") from error
    except BulkWriteError as error:
        raise _kind_of(error)(f"MongoDB: {_without_rows(error)}") from None  # its own text has the rows
    except PyMongoError as error:
        raise _kind_of(error)(f"MongoDB: {str(error)[:300]}") from error


def _without_rows(error: BulkWriteError) -> str:
    details: Mapping[str, Any] = error.details or {}
    failures = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    codes = sorted({str(one.get("code")) for one in failures})
    return f"{len(failures)} writes were refused with {', '.join(codes)}"


def _kind_of(error: PyMongoError) -> type[Exception]:
    if is_outage(error):
        return Unavailable
    return RowTooLarge if _codes(error) & _TOO_LARGE else StoreBroken


def is_outage(error: PyMongoError) -> bool:
    """Return whether the error is an outage, so that waiting helps."""
    if error.timeout or isinstance(
        error, (ConnectionFailure, AutoReconnect, DuplicateKeyError)
    ):  # created by two clients at once
        return True
    if isinstance(error, OperationFailure):
        codes = _codes(error)
        return codes <= _TEMPORARY and bool(codes or (error.details or {}).get("writeConcernErrors"))
    return isinstance(error, InvalidOperation) and "after close" in str(error)


def _codes(error: PyMongoError) -> set[Any]:
    """Return the codes of the server's errors, without duplicates of a bulk."""
    if isinstance(error, BulkWriteError):
        details: Mapping[str, Any] = error.details or {}
        return {one["code"] for one in details.get("writeErrors", ())} - {DUPLICATE}
    return {error.code} if isinstance(error, OperationFailure) else set()


async def save_rows(collection: Any, writes: Sequence[Write], bulk: int) -> set[str]:
    """Save rows, the probably new ones by an insert, which proves that they are new; return the ids of created rows."""
    created: set[str] = set()
    for part in _parts(writes, bulk):
        new = [write for write in part if not write.exists]
        known = [write for write in part if write.exists]
        collided = await _insert(collection, new)
        created |= _inserted(new, collided)
        created |= await upsert(collection, [*[new[n] for n in collided], *known], bulk)
    return created


def _inserted(new: Sequence[Write], collided: Sequence[int]) -> set[str]:
    lost = set(collided)
    return {write.id for n, write in enumerate(new) if n not in lost}


async def _insert(collection: Any, writes: Sequence[Write]) -> list[int]:
    """Insert the rows that do not exist; return the indexes of those that do."""
    if not writes:
        return []
    try:
        await collection.insert_many([document_of(write) for write in writes], ordered=False)
    except BulkWriteError as error:
        return _collisions(error)
    return []


async def remove_rows(collection: Any, ids: Sequence[str], bulk: int) -> None:
    """Delete the rows with these ids."""
    for start in range(0, len(ids), bulk):
        await collection.delete_many({"_id": {"$in": list(ids[start : start + bulk])}})


async def upsert(collection: Any, writes: Sequence[Write], bulk: int) -> set[str]:
    """Upsert rows, keeping the newer facets; return the ids of created rows. Raises `Unavailable`."""
    created: set[str] = set()
    for part in _parts(writes, bulk):
        left = list(part)
        for _ in range(ATTEMPTS):
            created_now, collided = await _upsert_once(collection, left)
            created |= created_now
            left = [left[n] for n in collided]
            if not left:
                break
        else:
            raise Unavailable(f"MongoDB: {len(left)} upserts collided {ATTEMPTS} times")
    return created


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
    """Return the indexes of the writes with duplicate keys. Raises the error if it has any other failure."""
    details: Mapping[str, Any] = error.details or {}
    failures = details.get("writeErrors", ())
    if details.get("writeConcernErrors") or any(one["code"] != DUPLICATE for one in failures):
        raise error
    return sorted(one["index"] for one in failures)


def _parts(writes: Sequence[Write], size: int) -> Iterator[Sequence[Write]]:
    for start in range(0, len(writes), size):
        yield writes[start : start + size]
