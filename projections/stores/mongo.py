"""Rows in MongoDB, through motor, which nothing else imports: PyMongo's async client can take its place here."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import DuplicateKeyError

from core.health import Health
from core.patience import patiently
from core.ports.documents import Changes, Place, Row, Table
from core.ports.event_log import Unavailable
from projections.stores.mongo_rows import (
    CODEC,
    checkpoint_change,
    checkpoint_id,
    collection_of,
    filter_of,
    index_of,
    keys_of,
    options_of,
    order_of,
    positions_of,
    row_of,
    rows_of,
)
from projections.stores.mongo_writes import bounded, save_rows, upsert
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.store.mongo")

CHECKPOINTS: Final = "checkpoints"
POINTERS: Final = "pointers"


class MongoDocuments:
    """The port `Documents` on MongoDB. One per process and event loop.

    The URL names the database. Writes are acknowledged by a majority that has them in its journal; reads go to the
    primary. `timeout_s` bounds every call as a whole, `bulk` the writes of one command (FerretDB: at most 100).
    Only plain commands of single documents are used: no transactions, sessions, change streams or pipelines.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0, bulk: int = 1000) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._bulk = bulk
        self._client: Any = None
        self._database: Any = None

    async def start(self, tables: Iterable[Table]) -> None:  # noqa: ARG002 - places bring their tables
        """Connect, waiting with backoff. Indexes are made by `prepare`, from the tables of the places."""
        if self._client is not None:
            return
        client: Any = AsyncIOMotorClient(
            self._url, io_loop=asyncio.get_running_loop(), serverSelectionTimeoutMS=int(self._timeout_s * 1000)
        )
        # Declared here and not in the URL, so that a forgotten option cannot lose what was confirmed.
        self._database = client.get_default_database("caas").with_options(
            codec_options=CODEC,
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern("majority", j=True),
        )
        self._client = client
        try:
            await patiently("documents", self._ping, Health())
        except BaseException:
            await self.stop()
            raise

    async def _ping(self) -> None:
        with bounded(self._timeout_s):
            await self._database.command("ping")

    async def stop(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
        self._client = self._database = None

    def _collection(self, name: str) -> Any:
        if self._database is None:
            raise Unavailable("the store has not started")
        return self._database[name]

    async def get(self, place: Place, ids: Iterable[str]) -> dict[str, Row]:
        """The rows with these ids that exist."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        query = {"_id": wanted[0] if len(wanted) == 1 else {"$in": wanted}}
        with bounded(self._timeout_s):
            found = await self._collection(collection_of(place)).find(query).to_list(None)
        return {document["_id"]: row_of(document) for document in found}

    async def save(self, changes: Changes) -> frozenset[str]:
        """Rows, then heads, then the checkpoint; the ids of rows newly made."""
        made: set[str] = set()
        with bounded(self._timeout_s):
            for place, writes in changes.rows:
                made |= await save_rows(self._collection(collection_of(place)), writes, self._bulk)
            for place, writes in changes.heads:
                await upsert(self._collection(collection_of(place)), writes, self._bulk)
            if (checkpoint := changes.checkpoint) is not None and checkpoint.positions:
                at = {"_id": checkpoint_id(checkpoint.processor, checkpoint.generation)}
                await self._collection(CHECKPOINTS).update_one(at, checkpoint_change(checkpoint), upsert=True)
        return frozenset(made)

    async def find(
        self,
        place: Place,
        index: str,
        equals: Sequence[str],
        *,
        low: int | None = None,
        high: int | None = None,
        after: str | None = None,
        limit: int = 100,
        reverse: bool = False,
    ) -> list[Row]:
        """Rows by a declared index."""
        declared = index_of(place, index)
        if limit <= 0:
            return []
        query = filter_of(declared, equals, low, high, after)
        with bounded(self._timeout_s):
            cursor = self._collection(collection_of(place)).find(query, sort=order_of(declared, reverse), limit=limit)
            return rows_of(await cursor.to_list(limit))

    async def scan(self, place: Place, *, after: str = "", limit: int = 1000) -> list[Row]:
        """The next rows by `_id`."""
        with bounded(self._timeout_s):
            cursor = self._collection(collection_of(place)).find(
                {"_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit
            )
            return rows_of(await cursor.to_list(limit))

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        """The next position of each partition that a processor has read."""
        with bounded(self._timeout_s):
            at = {"_id": checkpoint_id(processor, generation)}
            return positions_of(await self._collection(CHECKPOINTS).find_one(at))

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """The document kept under this name."""
        with bounded(self._timeout_s):
            found = await self._collection(POINTERS).find_one({"_id": name})
        return None if found is None else dict(found["document"])

    async def point(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Replace the pointer if it equals `expected`: the revision read with it must still stand."""
        pointers = self._collection(POINTERS)
        with bounded(self._timeout_s):
            if expected is None:
                try:
                    await pointers.insert_one({"_id": name, "rev": 1, "document": dict(document)})
                except DuplicateKeyError:
                    return False
                return True
            found = await pointers.find_one({"_id": name})
            if found is None or found["document"] != expected:
                return False
            change = {"$set": {"rev": found["rev"] + 1, "document": dict(document)}}
            done = await pointers.update_one({"_id": name, "rev": found["rev"]}, change)
            return bool(done.modified_count)

    async def prepare(self, places: Iterable[Place]) -> None:
        """Make the declared indexes; harmless when they exist."""
        for place in places:
            collection = self._collection(collection_of(place))
            for index in place.table.indexes:
                with bounded(self._timeout_s):
                    await collection.create_index(keys_of(index), **options_of(index))

    async def drop(self, places: Iterable[Place], checkpoint: tuple[str, int] | None = None) -> None:
        """Drop collections and, where it is named, a checkpoint."""
        with bounded(self._timeout_s):
            for place in places:
                await self._collection(collection_of(place)).drop()
            if checkpoint is not None:
                await self._collection(CHECKPOINTS).delete_one({"_id": checkpoint_id(*checkpoint)})
