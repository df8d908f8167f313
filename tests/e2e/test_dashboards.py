"""Prometheus scrapes a running system with our configuration: every panel has data, and every rule is evaluated."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from core.metrics import FAMILIES
from edge.composition import compose
from tests.deploy.observability.configured import Query, all_queries, filled_in, rules
from tests.deploy.observability.expressions import names_of
from tests.e2e.line import Line, opened
from tests.e2e.prometheus import Prometheus, scraping
from tests.e2e.test_metrics import QUIET
from tests.e2e.up import Up, running
from tests.eventually import eventually

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(420)]
EMPTY = {
    "edge: Errors of ours": "nothing fails here for a reason of ours",
    "processors: Rebalances, 1 h": "Kafka alone rebalances",
    "processors: Read after all": "no reader leaves out a record",
    "processors: Switches called off": "nobody rebuilds a read model",
    "projections: Queries that failed": "every read model is there",
}
"""The panels that must be empty while nothing goes wrong."""
SILENT = 'ALERTS{alertname!~"CaasAckLatencyBudget|CaasBackPressure|CaasCheckFails|CaasProjectionLag"}'
"""The alerts that a system without load or faults has none of, however slow its machine is."""
RATE_INTERVAL = "20s"
LONGEST_S = 180.0


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("dashboards")) as found:
        yield found


@pytest.fixture(scope="module")
def prometheus(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraping(up.url, tmp_path_factory.mktemp("prometheus")) as found:
        yield found


async def talk(ann: Line, ben: Line, eve: Line, room: str, n: int) -> None:
    """One round of what people do, and of what they may not do."""
    for stage in ("accepted", "persisted", "delivered"):
        said = {"conversation_id": room, "client_msg_id": f"{n} {stage}", "text": f"words {n}", "wait_for": stage}
        waiting = await ann.begin("message:send", said)
        if stage == "delivered":
            push = await ben.push("message:new", text=f"words {n}")
            await ben.ask("message:delivered", {"conversation_id": room, "seq": push["data"]["seq"]})
        await waiting
    await ben.ask("message:history", {"conversation_id": room})
    await ben.ask("search:messages", {"query": "words"})
    await ben.ask("sync", {"positions": {}})
    refused = await eve.ask("message:send", {"conversation_id": room, "client_msg_id": str(n), "text": "let me in"})
    assert refused["error"]["code"] == "not_a_participant", refused


@asynccontextmanager
async def talking(up: Up) -> AsyncIterator[None]:
    """Let three people talk meanwhile."""
    async with (
        opened(up.socket_url, up.token("ann")) as ann,
        opened(up.socket_url, up.token("ben")) as ben,
        opened(up.socket_url, up.token("eve")) as eve,
    ):
        room = (await ann.done("conversation:create", {"participants": ["ben"], "client_key": "room"}))[
            "conversation_id"
        ]
        await ben.push("conversation:updated")

        async def rounds() -> None:
            for n in range(10_000):
                await talk(ann, ben, eve, room, n)
                await asyncio.sleep(0.5)

        rounds_task = asyncio.create_task(rounds(), name="people talk")
        try:
            yield
            assert not rounds_task.done(), rounds_task.exception()
        finally:
            rounds_task.cancel()
            await asyncio.wait([rounds_task])


async def unanswered(prometheus: Prometheus, queries: list[Query]) -> list[str]:
    """The queries that have no value, with their panels."""
    asked = [(query, filled_in(query.expression, interval=RATE_INTERVAL)) for query in queries]
    values = [await asyncio.to_thread(prometheus.values, expression) for _, expression in asked]
    return [
        f"{query.panel}: {expression}" for (query, expression), found in zip(asked, values, strict=True) if not found
    ]


async def test_every_panel_has_data_and_every_rule_is_evaluated(up: Up, prometheus: Prometheus) -> None:
    shown = [query for query in all_queries() if query.panel not in EMPTY]
    async with talking(up):

        async def complete() -> None:
            assert await unanswered(prometheus, shown) == []

        await eventually(complete, within=LONGEST_S)
        await eventually(lambda: nothing_is_wrong(prometheus), within=60)
        evaluated = await asyncio.to_thread(prometheus.rules)
    assert len(evaluated) == len(rules())
    assert {rule["name"]: rule.get("lastError") for rule in evaluated if rule["health"] != "ok"} == {}
    await only_quiet_panels_are_empty(prometheus)


async def nothing_is_wrong(prometheus: Prometheus) -> None:
    """No alert fires or is about to, and every partition of every processor is read."""
    assert await asyncio.to_thread(prometheus.ask, "query", query=SILENT) == {"resultType": "vector", "result": []}
    missing = await asyncio.to_thread(prometheus.values, "caas:processor_partitions:missing")
    assert missing == [0.0] * len(compose.PROCESSORS)


async def only_quiet_panels_are_empty(prometheus: Prometheus) -> None:
    """What is empty since nothing goes wrong asks for series that are there, but for those that begin with a count."""
    quiet = [query for query in all_queries() if query.panel in EMPTY]
    assert {query.panel for query in quiet} == EMPTY.keys()
    assert len(await unanswered(prometheus, quiet)) == len(quiet)
    names = {name for query in quiet for name in names_of(query.expression)} - QUIET
    assert names <= {family.name for family in FAMILIES}
    assert names and all([await asyncio.to_thread(prometheus.values, f"count({name})") for name in sorted(names)])
