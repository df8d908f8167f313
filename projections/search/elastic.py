"""The search index on Elasticsearch or OpenSearch: a newer version wins on the server, and a deletion is a version."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch

from core.health import Health
from core.patience import patiently
from core.ports.event_log import Unavailable
from core.ports.search_index import Entry
from projections.search.opensearch_node import OpenSearchNode

logger: Final = logging.getLogger("caas.search.elastic")

Flavour = Literal["elasticsearch", "opensearch"]

MAPPINGS: Final = {
    "dynamic": "strict",
    "properties": {
        "message_id": {"type": "keyword"},
        "tenant": {"type": "keyword"},
        "conversation_id": {"type": "keyword"},
        "text": {"type": "text", "analyzer": "standard"},
    },
}
MOST: Final = 10_000
"""A page larger than this the servers refuse."""
_BUSY: Final = frozenset({429, 502, 503, 504})
_CONFLICT: Final = 409


class IndexRefused(Exception):
    """The server took some entries and not others, and would refuse them again."""


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
    ) -> None:
        self._url = url
        self._flavour = flavour
        self._prefix = prefix
        self._replicas = replicas
        self._timeout_s = timeout_s
        self._client: AsyncElasticsearch | None = None

    async def start(self) -> None:
        """Connect, waiting with backoff."""
        if self._client is not None:
            return
        node: dict[str, Any] = {"node_class": OpenSearchNode} if self._flavour == "opensearch" else {}
        self._client = AsyncElasticsearch(
            self._url, request_timeout=self._timeout_s, max_retries=0, retry_on_timeout=False, **node
        )
        try:
            await patiently("search", self._greet, Health())
        except BaseException:
            await self.stop()
            raise

    async def _greet(self) -> None:
        with _mapped():
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
        return f"{self._prefix}-g{generation}"

    def _index(self, generation: int) -> str:
        return f"{self._prefix}-g{generation}-1"

    async def prepare(self, generation: int) -> None:
        """Make a generation's index, of one shard, refreshed each second."""
        settings = {"number_of_shards": 1, "number_of_replicas": self._replicas, "refresh_interval": "1s"}
        with _mapped(but="resource_already_exists_exception"):
            await self._connected().indices.create(
                index=self._index(generation),
                mappings=MAPPINGS,
                settings=settings,
                aliases={self._alias(generation): {}},
            )

    async def index(self, generation: int, entries: Sequence[Entry]) -> None:
        """Index these entries in one request. Raises `Unavailable`; nothing is lost when it is called again."""
        if not entries:
            return
        with _mapped():
            answer = await self._connected().bulk(
                index=self._alias(generation),
                operations=list(_operations(entries)),
                require_alias=True,
                filter_path="items.*.status,items.*.error.type,items.*.error.reason,items.*._id",
            )
        _check([outcome for item in answer["items"] for outcome in item.values()])

    async def refresh(self, generation: int) -> None:
        """Make everything indexed so far findable."""
        with _mapped():
            await self._connected().indices.refresh(index=self._index(generation))

    async def search(
        self, generation: int, tenant: str, text: str, conversation_ids: Iterable[str], limit: int
    ) -> list[str]:
        """Message ids, best first."""
        among = list(conversation_ids)
        if not among or limit <= 0:
            return []
        query = {
            "bool": {
                "must": {"match": {"text": {"query": text, "operator": "and"}}},
                "filter": [{"term": {"tenant": tenant}}, {"terms": {"conversation_id": among}}],
            }
        }
        with _mapped():
            answer = await self._connected().search(
                index=self._index(generation),
                query=query,
                size=min(limit, MOST),
                sort=["_score", {"message_id": "asc"}],
                source=False,
                track_total_hits=False,
                ignore_unavailable=True,
                filter_path="hits.hits._id",
            )
        return [hit["_id"] for hit in answer.get("hits", {}).get("hits", ())]

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        with _mapped():
            await self._connected().indices.delete(index=self._index(generation), ignore_unavailable=True)


def _operations(entries: Sequence[Entry]) -> Iterator[Mapping[str, Any]]:
    """Bulk lines. An entry without text stays as a document without text: its version keeps older ones out."""
    for entry in entries:
        yield {"index": {"_id": entry.message_id, "version": entry.version, "version_type": "external_gte"}}
        ids = {"message_id": entry.message_id, "tenant": entry.tenant, "conversation_id": entry.conversation_id}
        yield ids if entry.text is None else {**ids, "text": entry.text}


def _check(outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Every item by itself: an older version's conflict is as good as done."""
    failed = [one for one in outcomes if one["status"] >= 300 and one["status"] != _CONFLICT]
    if not failed:
        return
    first = f"{failed[0].get('_id')}: {failed[0].get('error')}"
    if all(_passes(one["status"], one.get("error", {}).get("type")) for one in failed):
        raise Unavailable(f"search is busy, {len(failed)} entries wait, the first {first}")
    raise IndexRefused(f"{len(failed)} entries, the first {first}")


def _passes(status: int, kind: object) -> bool:
    """Whether the same call may succeed later: the server is busy, or its disk is full and it only reads."""
    return status in _BUSY or kind == "cluster_block_exception"


@contextmanager
def _mapped(but: str | None = None) -> Iterator[None]:
    """Outages raise `Unavailable`; the error called `but` is none."""
    try:
        yield
    except TransportError as error:
        raise Unavailable(f"search: {error}") from error
    except ApiError as error:
        if error.error == but:
            return
        if _passes(error.status_code, error.error):
            raise Unavailable(f"search: {error}") from error
        raise
