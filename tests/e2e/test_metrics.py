"""A running `caas up` exports what it counts and measures, and nothing that the table does not have."""

import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families as parse

from core.metrics import FAMILIES, PROCESS
from edge.composition import compose
from tests.e2e.line import opened
from tests.e2e.up import Up, running
from tests.eventually import eventually

QUIET = {"caas_rebalances_total", "caas_processor_overlooked_total", "caas_processor_pauses_taken_back_total"}
"""What has labels and has not happened: only Kafka rebalances, and nothing here goes wrong."""
USER, TEXT = "ann-whose-name-is-no-label", "words-that-are-no-label"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("metrics")) as found:
        yield found


def scrape(up: Up) -> str:
    with urllib.request.urlopen(f"{up.url}/metrics", timeout=10) as answer:
        found: str = answer.read().decode()
        return found


def sampled(text: str) -> dict[str, Metric]:
    """The families that have a sample, by the name that Prometheus has."""
    suffixes = {"counter": "_total"}
    return {found.name + suffixes.get(found.type, ""): found for found in parse(text) if found.samples}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """The value of a sample, 0 where there is none."""
    found = families.get(name.removesuffix("_count"))
    samples = [] if found is None else found.samples
    return next((one.value for one in samples if one.name == name and labels.items() <= one.labels.items()), 0.0)


async def test_every_metric_of_the_table_is_exported_and_no_other(up: Up) -> None:
    async with opened(up.socket_url, up.token(USER)) as ann, opened(up.socket_url, up.token("ben")) as ben:
        opening = {"participants": ["ben"], "client_key": "room"}
        room = (await ann.done("conversation:create", opening))["conversation_id"]
        for n, stage in enumerate(("accepted", "persisted")):
            said = {"conversation_id": room, "client_msg_id": str(n), "text": TEXT, "wait_for": stage}
            await ann.done("message:send", said)
        await ben.done("message:history", {"conversation_id": room})
        await ben.ask("sync", {"positions": {}})
        await ann.ask("message:edit", {"conversation_id": room, "message_id": room, "text": "none"})
        names = {*(family.name for family in FAMILIES), *PROCESS}

        def complete() -> bool:
            here = sampled(scrape(up))
            assert here.keys() - names == set()
            assert names - here.keys() == QUIET
            at = {"processor": "messages", "topic": "message.sent"}
            return value(here, "caas_projection_lag_events", **at) == 0 and has_measured(here)

        await eventually(complete, within=30)
        text = scrape(up)
        assert USER not in text and room not in text and TEXT not in text


def has_measured(here: dict[str, Metric]) -> bool:
    """Whether the numbers are those of what was done above."""
    expected = {
        ("caas_commands_total", "type", "message:send"): 2,
        ("caas_ack_latency_seconds_count", "level", "persisted"): 1,
        ("caas_query_latency_seconds_count", "query", "message:history"): 1,
        ("caas_ws_resume_total", "result", "complete"): 1,
    }
    found = {(name, label, of): value(here, name, **{label: of}) for name, label, of in expected}
    assert found == expected
    assert value(here, "caas_commands_total", type="message:edit", outcome="message_not_found") == 1
    assert value(here, "caas_ws_connections") == 2
    assert value(here, "caas_delivery_latency_seconds_count") >= 4
    frozen = here["caas_projection_frozen"].samples
    assert {one.labels["processor"] for one in frozen} == set(compose.PROCESSORS)
    return {one.value for one in frozen} == {0.0}
