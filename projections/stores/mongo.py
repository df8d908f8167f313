"""Stores rows in MongoDB, through motor, which only this module imports: PyMongo's async client can replace it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import DuplicateKeyError

from core.health import Health
from core.ports.documents import (
    Base,
    Changes,
    Checkpoint,
    DataLost,
    Facet,
    Fingerprint,
    Row,
    StoreWentBack,
    Table,
    TableGeneration,
)
from core.ports.event_log import Unavailable
from core.retry import retry_until_available
from projections.stores.facets import MARKER, registration_of, require_base, require_life
from projections.stores.mongo_lives import Connections, Lives
from projections.stores.mongo_rows import (
    checkpoint_change,
    checkpoint_filter,
    checkpoint_id,
    collection_of,
    database_of,
    field_of,
    filter_of,
    fingerprints_of,
    keys_of,
    options_of,
    order_of,
    positions_of,
    row_of,
    rows_of,
)
from projections.stores.mongo_writes import bounded, remove_rows, save_rows, upsert
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.store.mongo")

CHECKPOINTS: Final = "checkpoints"
POINTERS: Final = "pointers"


class MongoDocuments:
    """The port `Documents` on MongoDB. One per process and event loop.

    The URL names the database. Writes are acknowledged when a majority has them in its journal; reads go to the
    primary. `timeout_s` bounds every whole call, `bulk` the writes of one command (FerretDB: at most 100).
    Only plain commands on single documents are used: no transactions, sessions, change streams or pipelines.

    A restart of the server breaks every connection to it. The driver retries nothing by itself, and every call after a
    connection became ready or ended checks which process of the server answers: another process begins another `life`,
    and nothing is saved that was read in another life.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0, bulk: int = 1000, health: Health | None = None) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._bulk = bulk
        self._connections = Connections()
        self._lives = Lives(self._connections)
        self._health = health or Health()
        self._client: Any = None
        self._database: Any = None

    @property
    def life(self) -> int:
        """The number of server processes that have answered so far, without the first."""
        return self._lives.life

    async def start(self, tables: Iterable[Table]) -> None:  # noqa: ARG002 - calls bring their tables
        """Connect, waiting with backoff; reported as `documents` in `health`. `prepare` creates the indexes."""
        if self._client is not None:
            return
        client: Any = AsyncIOMotorClient(
            self._url,
            io_loop=asyncio.get_running_loop(),
            serverSelectionTimeoutMS=int(self._timeout_s * 1000),
            retryReads=False,
            retryWrites=False,
            event_listeners=[self._connections],
        )
        self._client, self._database = client, database_of(client)
        try:
            await retry_until_available("documents", self._ping, self._health)
        except BaseException:
            await self.stop()
            raise

    async def _ping(self) -> None:
        async with self._call():
            await self._database.command("ping")

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """Bound the calls inside by one deadline; their results belong to the `life` afterwards or an earlier one.

        Raises `Unavailable` and `StoreBroken`.
        """
        with bounded(self._timeout_s):
            yield
            await self._lives.check(self._database)

    async def _require_life(self, base: Base | None) -> None:
        """Raise `Unavailable` if the calls so far may belong to another life than `base`."""
        if base is not None:
            await self._lives.check(self._database)
            require_life(base, self.life)

    async def stop(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
        self._client = self._database = None

    def _collection(self, name: str) -> Any:
        if self._database is None:
            raise Unavailable("the store has not started")
        return self._database[name]

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Return the rows with these ids that exist."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        async with self._call():
            query = {"_id": {"$in": [MARKER, *wanted]}}
            found = await self._collection(collection_of(place)).find(query).to_list(None)
            rows = {document["_id"]: row_of(document) for document in found}
            if rows.pop(MARKER, None) is None:
                await self._check_not_lost(place)
        return rows

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        """Return the facet that a declared index orders by, for those of these rows that have it."""
        wanted, declared = list(dict.fromkeys(ids)), place.table.index(index)
        if not wanted:
            return {}
        query, field = {"_id": {"$in": wanted}, declared.order: {"$exists": True}}, field_of(declared.facet)
        async with self._call():
            found = await self._collection(collection_of(place)).find(query, {field: 1}).to_list(None)
            if not found:
                await self._check_not_lost(place)
        return {document["_id"]: document[field] for document in found}

    async def _check_not_lost(self, place: TableGeneration) -> None:
        """Raise `DataLost` if this table was prepared and has no marker; called when no marker was found."""
        registered = await self._collection(POINTERS).find_one({"_id": registration_of(place)})
        if registered is not None and await self._collection(collection_of(place)).find_one({"_id": MARKER}) is None:
            raise DataLost(place)

    async def save(self, changes: Changes) -> frozenset[str]:
        """Save rows, then heads, then the checkpoint; return the ids of created rows."""
        created: set[str] = set()
        async with self._call():
            if (base := changes.base) is not None and base.positions:
                require_base(base, await self._positions(base.processor, base.generation))
            await self._require_life(base)
            for place, writes in changes.rows:
                created |= await save_rows(self._collection(collection_of(place)), writes, self._bulk)
                await self._require_life(base)
            for place, writes in changes.heads:
                await upsert(self._collection(collection_of(place)), writes, self._bulk)
                await self._require_life(base)
            if (checkpoint := changes.checkpoint) is not None and checkpoint.positions:
                await self._save_checkpoint(checkpoint, changes.base)
        return frozenset(created)

    async def remove(self, place: TableGeneration, ids: Iterable[str]) -> None:
        """Delete the rows with these ids."""
        async with self._call():
            await remove_rows(self._collection(collection_of(place)), list(ids), self._bulk)

    async def _save_checkpoint(self, checkpoint: Checkpoint, base: Base | None) -> None:
        """Save a checkpoint. With a base it first writes a claim, after all rows and heads of the save: a store that
        has lost some of these has lost the claim too, and the checkpoint moves only if the claim is found.
        """
        checkpoints, change = self._collection(CHECKPOINTS), checkpoint_change(checkpoint)
        if base is None:
            at = {"_id": checkpoint_id(checkpoint.processor, checkpoint.generation)}
            await checkpoints.update_one(at, change, upsert=True)
            return
        wanted, claim = checkpoint_filter(base), f"claims.{uuid4().hex}"
        claimed = await checkpoints.update_one(wanted, {"$set": {claim: 1}}, upsert=not base.positions)
        await self._require_life(base)
        done = await checkpoints.update_one({**wanted, claim: 1}, {**change, "$unset": {claim: ""}})
        if not (claimed.matched_count or claimed.upserted_id) or not done.matched_count:
            raise StoreWentBack(f"{base.processor} (generation {base.generation}): the store went back during a save")

    async def find(
        self,
        place: TableGeneration,
        index: str,
        equals: Sequence[str],
        *,
        low: int | None = None,
        high: int | None = None,
        after: str | None = None,
        limit: int = 100,
        reverse: bool = False,
    ) -> list[Row]:
        """Return rows by a declared index."""
        declared = place.table.index(index)
        if limit <= 0:
            return []
        query = filter_of(declared, equals, low, high, after)
        async with self._call():
            cursor = self._collection(collection_of(place)).find(query, sort=order_of(declared, reverse), limit=limit)
            rows = rows_of(await cursor.to_list(limit))
            if not rows:
                await self._check_not_lost(place)
        return rows

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Return the next rows by `_id`."""
        async with self._call():
            cursor = self._collection(collection_of(place)).find(
                {"_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit + 1
            )
            found = rows_of(await cursor.to_list(limit + 1))
            if not found:
                await self._check_not_lost(place)
        return [row for row in found if row["_id"] != MARKER][:limit]

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        """Return the next position of each partition that a processor has read."""
        async with self._call():
            return await self._positions(processor, generation)

    async def _positions(self, processor: str, generation: int) -> dict[Partition, int]:
        at = {"_id": checkpoint_id(processor, generation)}
        return positions_of(await self._collection(CHECKPOINTS).find_one(at))

    async def fingerprints(self, processor: str, generation: int) -> dict[Partition, Fingerprint]:
        """Return the last record before each checkpoint that was saved with a digest."""
        at = {"_id": checkpoint_id(processor, generation)}
        async with self._call():
            return fingerprints_of(await self._collection(CHECKPOINTS).find_one(at))

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """Return the document stored under this name."""
        async with self._call():
            found = await self._collection(POINTERS).find_one({"_id": name})
        return None if found is None else dict(found["document"])

    async def compare_and_set(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Replace the pointer if it equals `expected` and its revision has not changed since; return whether it did."""
        pointers = self._collection(POINTERS)
        async with self._call():
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

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        """Create the declared indexes, mark the tables and register them; harmless if they exist. Raises `DataLost`."""
        for place in places:
            collection, pointers = self._collection(collection_of(place)), self._collection(POINTERS)
            async with self._call():
                if await collection.find_one({"_id": MARKER}) is None:
                    if await self._positions(place.table.model, place.generation):  # else all of it is rebuilt
                        await self._check_not_lost(place)
                    await collection.update_one({"_id": MARKER}, {"$setOnInsert": {"_id": MARKER}}, upsert=True)
            for index in place.table.indexes:
                async with self._call():
                    await collection.create_index(keys_of(index), **options_of(index))
            async with self._call():
                registration = {"_id": registration_of(place)}
                await pointers.update_one(registration, {"$setOnInsert": {"rev": 1, "document": {}}}, upsert=True)

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        """Drop collections and, if it is given, a checkpoint."""
        async with self._call():
            for place in places:
                await self._collection(POINTERS).delete_one({"_id": registration_of(place)})
                await self._collection(collection_of(place)).drop()
            if checkpoint is not None:
                await self._collection(CHECKPOINTS).delete_one({"_id": checkpoint_id(*checkpoint)})
