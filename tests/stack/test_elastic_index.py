"""The search index on a server that speaks Elasticsearch's API."""

from collections.abc import AsyncIterator

import pytest

from projections.search.elastic import ElasticIndex, Flavour
from tests.contracts.search_index import SearchIndexContract

pytestmark = pytest.mark.stack


def flavour_of(servers: dict[str, str]) -> Flavour:
    return "opensearch" if servers["CAAS_SEARCH_FLAVOUR"] == "opensearch" else "elasticsearch"


@pytest.fixture
async def index(servers: dict[str, str]) -> AsyncIterator[ElasticIndex]:
    index = ElasticIndex(servers["CAAS_SEARCH_URL"], flavour_of(servers), prefix="caas-contract")
    await index.start()
    yield index
    await index.stop()


class TestElasticIndex(SearchIndexContract):
    pass
