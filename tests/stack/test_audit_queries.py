"""20,000 audit records on a server that speaks MongoDB's protocol: every form of query is right, and has its index."""

import os
import secrets
from collections.abc import AsyncIterator

import pytest

from core.ports.documents import TableGeneration
from projections.stores.mongo import MongoDocuments
from projections.stores.mongo_rows import collection_of, keys_of
from streams.processors.audit import Audit
from tests.contracts.audit_forms import check_forms

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

OTHER = os.environ.get("CAAS_TEST_MONGO")
COUNT = 20_000


@pytest.fixture(params=["stack", *(["other"] if OTHER else [])])
async def documents(request: pytest.FixtureRequest, servers: dict[str, str]) -> AsyncIterator[MongoDocuments]:
    url = servers["CAAS_MONGO_URL"] if request.param == "stack" or OTHER is None else OTHER
    found = MongoDocuments(url, bulk=1000 if request.param == "stack" else 100)
    await found.start(Audit.tables)
    yield found
    await found.stop()


async def test_every_form_is_answered_rightly_and_by_a_declared_index(documents: MongoDocuments) -> None:
    generation = 1_000_000 + secrets.randbelow(1_000_000)
    places = [TableGeneration(table, generation) for table in Audit.tables]
    try:
        used = await check_forms(documents, f"t{secrets.token_hex(4)}", generation, COUNT)
        assert len(used) > 10
        for table, name in used:
            there = await documents._collection(collection_of(TableGeneration(table, generation))).index_information()
            assert [tuple(key) for key in there[name]["key"]] == keys_of(table.index(name)), (table.name, name)
    finally:
        await documents.drop(places, (Audit.name, generation))
