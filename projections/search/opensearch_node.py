"""Adapts OpenSearch to the official Elasticsearch client: sends plain media types, adds the product's header."""

from dataclasses import replace
from typing import Any, Final

from elastic_transport import AiohttpHttpNode, HttpHeaders
from elastic_transport.client_utils import DEFAULT

_PLAIN: Final = {
    "application/vnd.elasticsearch+json": "application/json",
    "application/vnd.elasticsearch+x-ndjson": "application/x-ndjson",
}


class OpenSearchNode(AiohttpHttpNode):
    """A node of OpenSearch, which accepts no vendor media types; the client accepts only servers that name themselves
    Elasticsearch.
    """

    async def perform_request(  # type: ignore[override]
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Any = DEFAULT,
    ) -> Any:
        """Send the request with plain media types, and name the product in the response."""
        plain = HttpHeaders({name: _plain(value) for name, value in (headers or {}).items()})
        answer = await super().perform_request(method, target, body, plain, request_timeout)
        named = HttpHeaders({**answer.meta.headers, "x-elastic-product": "Elasticsearch"})
        return answer._replace(meta=replace(answer.meta, headers=named))


def _plain(value: str) -> str:
    return _PLAIN.get(value.partition(";")[0].strip(), value)
