"""Implements the search index on Elasticsearch or OpenSearch: the newest version of an entry wins on the server."""

import contextlib
import logging
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from elasticsearch import AsyncElasticsearch

from core.health import Health
from core.ports.event_log import Unavailable
from core.ports.search_index import (
    TIMEOUT_S,
    Entry,
    Hit,
    Hits,
    IndexBehind,
    Positions,
    Query,
    SearchTimeout,
    is_in_ranges,
    no_complete_index,
    other_fill,
    ranges_by_conversation,
    require_since,
)
from core.retry import retry_until_available
from projections.search.elastic_documents import (
    MAPPINGS,
    STATE,
    State,
    checkpoint_id,
    checkpoint_lines,
    entry_lines,
    entry_of,
    query_body,
    state_document,
    state_of,
)
from projections.search.elastic_errors import check_documents, check_items, map_errors, raise_if_missing
from projections.search.opensearch_node import OpenSearchNode
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.search.elastic")

Flavour = Literal["elasticsearch", "opensearch"]

MAX_PAGE_SIZE: Final = 10_000
"""Maximum page size of the servers."""
SCHEMA_VERSION: Final = 2
"""Increased when the documents change: an index of another version is ignored, and a new one filled from the rows."""
CREATE_TIMEOUT_S: Final = 30.0
"""Timeout of creating an index, in seconds: it takes seconds on a busy server, and a timeout starts it again."""


class ElasticIndex:
    """The port `SearchIndex`. One per process and event loop.

    `flavour` is the kind of server; `prefix` begins the names of its indices; `timeout_s` bounds every call.
    An index is written through its alias, so that a late writer cannot recreate a dropped index without its mapping.
    """

    def __init__(
        self,
        url: str,
        flavour: Flavour = "elasticsearch",
        *,
        prefix: str = "caas-search",
        replicas: int = 0,
        timeout_s: float = 5.0,
        health: Health | None = None,
    ) -> None:
        self._url = url
        self._flavour = flavour
        self._prefix = prefix
        self._replicas = replicas
        self._timeout_s = timeout_s
        self._health = health or Health()
        self._client: AsyncElasticsearch | None = None

    async def start(self) -> None:
        """Connect, waiting with backoff; reported as `index` in `health`."""
        if self._client is not None:
            return
        node: dict[str, Any] = {"node_class": OpenSearchNode} if self._flavour == "opensearch" else {}
        self._client = AsyncElasticsearch(
            self._url, request_timeout=self._timeout_s, max_retries=0, retry_on_timeout=False, **node
        )
        try:
            await retry_until_available("index", self._check_connection, self._health)
        except BaseException:
            await self.stop()
            raise

    async def _check_connection(self) -> None:
        with map_errors():
            await self._connected().info()

    async def stop(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _connected(self) -> AsyncElasticsearch:
        if self._client is None:
            raise Unavailable("search: not started")
        return self._client

    def _alias(self, generation: int) -> str:
        return f"{self._prefix}{SCHEMA_VERSION}-g{generation}"

    def _index(self, generation: int) -> str:
        return f"{self._alias(generation)}-1"

    def _older(self, generation: int) -> str:
        """Return the name of the index of the first schema version, which had no number."""
        return f"{self._prefix}-g{generation}-1"

    async def begin(self, generation: int) -> str:
        """Create an empty index, with one shard, refreshed each second, or join the fill that has begun; return the
        fill's token. An old index is dropped: the versions of deleted documents would reject new ones for a while.
        """
        settings = {"number_of_shards": 1, "number_of_replicas": self._replicas, "refresh_interval": "1s"}
        while True:
            state = await self._state(generation)
            if state is not None and state.token:
                return state.token
            await self.drop(generation)
            slow_client = self._connected().options(request_timeout=CREATE_TIMEOUT_S)
            with map_errors(but="resource_already_exists_exception"):
                await slow_client.indices.create(
                    index=self._index(generation),
                    mappings=MAPPINGS,
                    settings=settings,
                    aliases={self._alias(generation): {}},
                )
                with contextlib.suppress(IndexBehind):  # another process began at the same time
                    await self._write_state(generation, {"op_type": "create"}, secrets.token_hex(8))

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        """Index these entries in one request. Raises `Unavailable`; then it can be repeated."""
        await self._bulk(generation, list(entry_lines(entries)))

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        """Mark the index that this fill began as complete, and make it searchable."""
        state = await self._state(generation)
        if state is None or state.token != token:
            raise other_fill(generation)
        await self._bulk(generation, list(checkpoint_lines(until)))
        await self.refresh(generation)
        await self._write_state(generation, {"if_seq_no": state.seq_no, "if_primary_term": state.primary_term}, "")

    async def index(self, generation: int, entries: Sequence[Entry], since: Positions, until: Positions) -> None:
        """Index these entries, then the checkpoint, in one request."""
        require_since(generation, await self.checkpoint(generation, since), since)
        await self._bulk(generation, [*entry_lines(entries), *checkpoint_lines(until)])

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        """Return the positions up to which it has everything, searchable yet or not; None if it is not complete."""
        places = {checkpoint_id(at): at for at in partitions}
        found = await self._documents(generation, [STATE, *places])
        if STATE not in found or state_of(found.pop(STATE)).token:
            return None
        return {places[key]: document["_source"]["checkpoint"]["position"] for key, document in found.items()}

    async def refresh(self, generation: int) -> None:
        """Make everything indexed so far searchable. Raises `Unavailable` if there is no index."""
        with raise_if_missing(Unavailable), map_errors():
            await self._connected().indices.refresh(index=self._index(generation))

    async def search(
        self, generation: int, query: Query, *, before: Hit | None = None, limit: int, within_s: float = TIMEOUT_S
    ) -> Hits:
        """Return the next page of the query's hits."""
        size = min(limit, MAX_PAGE_SIZE - 2)
        hits = await self._hits(
            generation,
            query=query_body(query, before),
            size=size + 2,
            sort=[{"order": "desc"}, {"message_id": "desc"}],
            source=["conversation_id", "offset"],
            timeout=f"{math.ceil(within_s * 1000)}ms",
            filter_path="timed_out,hits.hits._id,hits.hits._source,hits.hits.sort",
        )
        if not hits or hits[0]["_id"] != STATE:
            raise no_complete_index(generation)
        ranges = ranges_by_conversation(query.ranges)
        page = [Hit(hit["sort"][0], hit["_id"]) for hit in hits[1 : size + 1]]
        mine = [is_in_ranges(ranges, hit["_source"]["conversation_id"], hit["_source"]["offset"]) for hit in hits[1:]]
        found = [hit for hit, reads in zip(page, mine, strict=False) if reads]
        return Hits(found, page[-1] if page and len(hits) > size + 1 else None)

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        """Return the entries of these messages, searchable yet or not."""
        await self._require_complete(generation)
        ids = list(message_ids)
        return {key: entry_of(found) for key, found in (await self._documents(generation, ids)).items()} if ids else {}

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """Return the next entries by message id."""
        await self._require_complete(generation)
        hits = await self._hits(
            generation,
            query={"exists": {"field": "message_id"}},
            size=min(limit, MAX_PAGE_SIZE),
            sort=[{"message_id": "asc"}],
            search_after=[after],
            version=True,
            filter_path="hits.hits._id,hits.hits._version,hits.hits._source",
        )
        return [entry_of(hit) for hit in hits]

    async def _bulk(self, generation: int, lines: Sequence[Mapping[str, Any]]) -> None:
        if not lines:
            return
        with raise_if_missing(IndexBehind), map_errors():
            answer = await self._connected().bulk(
                index=self._alias(generation),
                operations=lines,
                require_alias=True,
                filter_path="items.*.status,items.*.error.type,items.*.error.reason,items.*._id",
            )
        check_items([outcome for item in answer["items"] for outcome in item.values()])

    async def _hits(self, generation: int, **request: Any) -> Sequence[Mapping[str, Any]]:
        with raise_if_missing(Unavailable), map_errors():
            answer = await self._connected().search(index=self._index(generation), track_total_hits=False, **request)
        if answer.get("timed_out"):
            raise SearchTimeout(f"search: not finished within {request.get('timeout')}")
        hits: Sequence[Mapping[str, Any]] = answer.get("hits", {}).get("hits", ())
        return hits

    async def _documents(self, generation: int, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return the documents that exist, as last written. Raises `Unavailable` if a shard does not answer."""
        try:
            with raise_if_missing(IndexBehind), map_errors():
                answer = await self._connected().mget(index=self._alias(generation), ids=ids)
        except IndexBehind:
            return {}
        check_documents(answer["docs"])
        return {one["_id"]: one for one in answer["docs"] if one.get("found")}

    async def _state(self, generation: int) -> State | None:
        found = await self._documents(generation, [STATE])
        return state_of(found[STATE]) if found else None

    async def _write_state(self, generation: int, condition: Mapping[str, Any], token: str) -> None:
        """Write the state, searchable at once, if the condition still holds. Raises `IndexBehind`."""
        with raise_if_missing(IndexBehind), map_errors():
            await self._connected().index(
                index=self._alias(generation),
                id=STATE,
                document=state_document(token),
                require_alias=True,
                refresh=True,
                **condition,
            )

    async def _require_complete(self, generation: int) -> None:
        if await self.checkpoint(generation, ()) is None:
            raise no_complete_index(generation)

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        with map_errors(but="index_not_found_exception"):  # another process deleted it at the same time
            names = [self._index(generation), self._older(generation)]
            await self._connected().indices.delete(index=names, ignore_unavailable=True)
