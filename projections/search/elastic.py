"""The search index on Elasticsearch or OpenSearch: a newer version wins on the server, and a deletion is a version."""

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
    WITHIN_S,
    Entry,
    Hit,
    Hits,
    IndexBehind,
    Positions,
    Query,
    SearchTimeout,
    lies_in,
    no_complete_index,
    other_fill,
    require_since,
    within,
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
    searched,
    state_document,
    state_of,
)
from projections.search.elastic_errors import check, check_found, mapped, missing_is
from projections.search.opensearch_node import OpenSearchNode
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.search.elastic")

Flavour = Literal["elasticsearch", "opensearch"]

MOST: Final = 10_000
"""A page larger than this the servers refuse."""
SHAPE: Final = 2
"""Raised when the documents change: an index of another shape is none, and a new one is filled from the rows."""
CREATE_S: Final = 30.0
"""An index takes seconds to make on a busy server, and would be made anew each time that nobody waited for it."""


class ElasticIndex:
    """The port `SearchIndex`. One per process and event loop.

    `flavour` says which server it is; `prefix` begins the names of its indices; `timeout_s` bounds every call.
    An index is written through its alias, so that a late writer cannot bring a dropped one back without its mapping.
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
        """Connect, waiting with backoff, as `index` in `health`."""
        if self._client is not None:
            return
        node: dict[str, Any] = {"node_class": OpenSearchNode} if self._flavour == "opensearch" else {}
        self._client = AsyncElasticsearch(
            self._url, request_timeout=self._timeout_s, max_retries=0, retry_on_timeout=False, **node
        )
        try:
            await retry_until_available("index", self._greet, self._health)
        except BaseException:
            await self.stop()
            raise

    async def _greet(self) -> None:
        with mapped():
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
        return f"{self._prefix}{SHAPE}-g{generation}"

    def _index(self, generation: int) -> str:
        return f"{self._alias(generation)}-1"

    def _older(self, generation: int) -> str:
        """The index of the first shape, which had no number."""
        return f"{self._prefix}-g{generation}-1"

    async def begin(self, generation: int) -> str:
        """Make an empty index, of one shard, refreshed each second, or join the fill that has begun. What was there is
        deleted with its index: versions of deleted documents would keep theirs out for a while.
        """
        settings = {"number_of_shards": 1, "number_of_replicas": self._replicas, "refresh_interval": "1s"}
        while True:
            state = await self._state(generation)
            if state is not None and state.token:
                return state.token
            await self.drop(generation)
            patient = self._connected().options(request_timeout=CREATE_S)
            with mapped(but="resource_already_exists_exception"):
                await patient.indices.create(
                    index=self._index(generation),
                    mappings=MAPPINGS,
                    settings=settings,
                    aliases={self._alias(generation): {}},
                )
                with contextlib.suppress(IndexBehind):  # somebody else began at the same time
                    await self._become(generation, {"op_type": "create"}, secrets.token_hex(8))

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        """Index these entries in one request. Raises `Unavailable`; nothing is lost when it is called again."""
        await self._bulk(generation, list(entry_lines(entries)))

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        """What this fill began is complete, and findable."""
        state = await self._state(generation)
        if state is None or state.token != token:
            raise other_fill(generation)
        await self._bulk(generation, list(checkpoint_lines(until)))
        await self.refresh(generation)
        await self._become(generation, {"if_seq_no": state.seq_no, "if_primary_term": state.primary_term}, "")

    async def index(self, generation: int, entries: Sequence[Entry], since: Positions, until: Positions) -> None:
        """Index these entries and then the checkpoint in one request."""
        require_since(generation, await self.checkpoint(generation, since), since)
        await self._bulk(generation, [*entry_lines(entries), *checkpoint_lines(until)])

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        """Up to where it has everything, whether that is findable yet or not."""
        places = {checkpoint_id(at): at for at in partitions}
        found = await self._documents(generation, [STATE, *places])
        if STATE not in found or state_of(found.pop(STATE)).token:
            return None
        return {places[key]: document["_source"]["checkpoint"]["position"] for key, document in found.items()}

    async def refresh(self, generation: int) -> None:
        """Make everything indexed so far findable. Raises `Unavailable` where there is no index."""
        with missing_is(Unavailable), mapped():
            await self._connected().indices.refresh(index=self._index(generation))

    async def search(
        self, generation: int, query: Query, *, before: Hit | None = None, limit: int, within_s: float = WITHIN_S
    ) -> Hits:
        """The next page of what the query finds."""
        size = min(limit, MOST - 2)
        hits = await self._hits(
            generation,
            query=searched(query, before),
            size=size + 2,
            sort=[{"order": "desc"}, {"message_id": "desc"}],
            source=["conversation_id", "offset"],
            timeout=f"{math.ceil(within_s * 1000)}ms",
            filter_path="timed_out,hits.hits._id,hits.hits._source,hits.hits.sort",
        )
        if not hits or hits[0]["_id"] != STATE:
            raise no_complete_index(generation)
        stays = within(query.stays)
        page = [Hit(hit["sort"][0], hit["_id"]) for hit in hits[1 : size + 1]]
        mine = [lies_in(stays, hit["_source"]["conversation_id"], hit["_source"]["offset"]) for hit in hits[1:]]
        found = [hit for hit, reads in zip(page, mine, strict=False) if reads]
        return Hits(found, page[-1] if page and len(hits) > size + 1 else None)

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        """The entries of these messages, whether they are findable yet or not."""
        await self._complete(generation)
        ids = list(message_ids)
        return {key: entry_of(found) for key, found in (await self._documents(generation, ids)).items()} if ids else {}

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """The next entries."""
        await self._complete(generation)
        hits = await self._hits(
            generation,
            query={"exists": {"field": "message_id"}},
            size=min(limit, MOST),
            sort=[{"message_id": "asc"}],
            search_after=[after],
            version=True,
            filter_path="hits.hits._id,hits.hits._version,hits.hits._source",
        )
        return [entry_of(hit) for hit in hits]

    async def _bulk(self, generation: int, lines: Sequence[Mapping[str, Any]]) -> None:
        if not lines:
            return
        with missing_is(IndexBehind), mapped():
            answer = await self._connected().bulk(
                index=self._alias(generation),
                operations=lines,
                require_alias=True,
                filter_path="items.*.status,items.*.error.type,items.*.error.reason,items.*._id",
            )
        check([outcome for item in answer["items"] for outcome in item.values()])

    async def _hits(self, generation: int, **asked: Any) -> Sequence[Mapping[str, Any]]:
        with missing_is(Unavailable), mapped():
            answer = await self._connected().search(index=self._index(generation), track_total_hits=False, **asked)
        if answer.get("timed_out"):
            raise SearchTimeout(f"search: it was not over within {asked.get('timeout')}")
        hits: Sequence[Mapping[str, Any]] = answer.get("hits", {}).get("hits", ())
        return hits

    async def _documents(self, generation: int, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Those of these documents that are there, as last written. Raises `Unavailable` where a shard cannot say."""
        try:
            with missing_is(IndexBehind), mapped():
                answer = await self._connected().mget(index=self._alias(generation), ids=ids)
        except IndexBehind:
            return {}
        check_found(answer["docs"])
        return {one["_id"]: one for one in answer["docs"] if one.get("found")}

    async def _state(self, generation: int) -> State | None:
        found = await self._documents(generation, [STATE])
        return state_of(found[STATE]) if found else None

    async def _become(self, generation: int, condition: Mapping[str, Any], token: str) -> None:
        """Write the state, findable at once, if the condition still holds. Raises `IndexBehind`."""
        with missing_is(IndexBehind), mapped():
            await self._connected().index(
                index=self._alias(generation),
                id=STATE,
                document=state_document(token),
                require_alias=True,
                refresh=True,
                **condition,
            )

    async def _complete(self, generation: int) -> None:
        if await self.checkpoint(generation, ()) is None:
            raise no_complete_index(generation)

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        with mapped(but="index_not_found_exception"):  # somebody else deleted it at the same time
            names = [self._index(generation), self._older(generation)]
            await self._connected().indices.delete(index=names, ignore_unavailable=True)
