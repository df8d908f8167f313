"""The files say of the system what it is: its topics, processors, errors of ours, objectives and ports."""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from core.histogram import BUCKETS_S
from core.settings import Settings
from edge.composition import compose
from projections.search.memory import MemorySearchIndex
from projections.stores.memory import MemoryDocuments
from schemas.topics import TOPICS, partitions
from schemas.wire.errors import ERRORS
from tests.deploy.observability.configured import (
    ALL_YAML,
    DASHBOARDS,
    FOLDER,
    PROMETHEUS,
    all_queries,
    dashboard,
    read,
    rules,
)

OF_OURS = re.compile(r'outcome=~"([^"]+)"')
BOUND = re.compile(r'le="([^"]+)"')
COLLECTOR = read(FOLDER / "collector" / "collector.yml")


def constants(name: str, label: str) -> dict[str, int]:
    """The number in each rule of this name, by its label."""
    found = [rule for rule in rules() if rule.name == name]
    return {rule.labels[label]: int(re.findall(r"\d+", rule.expression)[0]) for rule in found}


@pytest.mark.parametrize("path", ALL_YAML, ids=lambda path: str(path.relative_to(FOLDER)))
def test_file_is_yaml_and_says_what_it_is(path: Path) -> None:
    assert isinstance(read(path), dict)
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_retention_is_that_of_every_topic() -> None:
    expected = {topic.name: topic.retention_ms // 1000 for topic in TOPICS.values()}
    assert constants("caas:topic_retention_seconds", "topic") == expected


def test_partitions_are_those_of_every_processor() -> None:
    made = [compose.processor(name, MemoryDocuments(), MemorySearchIndex()) for name in compose.PROCESSORS]
    expected = {processor.name: len(partitions(*processor.topics)) for processor in made}
    assert constants("caas:processor_partitions:expected", "processor") == expected


def test_errors_of_ours_are_those_of_the_table() -> None:
    ours = {code for code, error in ERRORS.items() if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR}
    ratios = [rule for rule in rules() if rule.name.startswith("caas:command_errors:")]
    assert len(ratios) == 5
    for rule in ratios:
        assert [set(codes.split("|")) for codes in OF_OURS.findall(rule.expression)] == [ours]


@pytest.mark.parametrize("kind", ["ack_slow", "command_errors"])
def test_ratio_has_the_window_of_its_name(kind: str) -> None:
    for rule in (rule for rule in rules() if rule.name.startswith(f"caas:{kind}:")):
        assert set(re.findall(r"\[(\w+)\]", rule.expression)) == {rule.name.rpartition("ratio_rate")[2]}


def test_bounds_are_those_of_the_histograms() -> None:
    found = {float(bound) for rule in rules() for bound in BOUND.findall(rule.expression)}
    assert found == {0.05}
    assert found <= set(BUCKETS_S)


def test_the_first_target_is_where_a_system_listens() -> None:
    targets = read(PROMETHEUS / "prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"]
    assert targets == [f"{Settings().host}:{Settings().port}"]


def test_collector_uses_the_parts_that_it_has() -> None:
    for signal, pipeline in COLLECTOR["service"]["pipelines"].items():
        for part, names in pipeline.items():
            assert set(names) <= COLLECTOR[part].keys(), f"{signal} has no {part}"


def test_collector_sends_where_the_others_listen() -> None:
    loki, tempo = read(FOLDER / "loki" / "loki.yml"), read(FOLDER / "tempo" / "tempo.yml")
    exporters = COLLECTOR["exporters"]
    otlp: dict[str, Any] = tempo["distributor"]["receivers"]["otlp"]["protocols"]
    assert exporters["otlphttp/tempo"]["endpoint"].rpartition(":")[2] == otlp["http"]["endpoint"].rpartition(":")[2]
    assert exporters["otlphttp/loki"]["endpoint"] == f"http://loki:{loki['server']['http_listen_port']}/otlp"
    sources = read(FOLDER / "grafana" / "provisioning" / "datasources" / "caas.yml")["datasources"]
    listening = {"loki": loki["server"]["http_listen_port"], "tempo": tempo["server"]["http_listen_port"]}
    assert {one["type"]: int(one["url"].rpartition(":")[2]) for one in sources} == listening | {"prometheus": 9090}


def test_dashboards_are_told_apart() -> None:
    found = [dashboard(path) for path in DASHBOARDS]
    assert [path.stem for path in DASHBOARDS] == ["audit", "edge", "processors", "projections"]
    assert len({one["uid"] for one in found}) == len({one["title"] for one in found}) == len(found)
    for one in found:
        assert len({panel["id"] for panel in one["panels"]}) == len(one["panels"])


def test_every_query_is_of_the_chosen_system() -> None:
    """A query without the variable would add up the systems that one Prometheus scrapes."""
    for query in all_queries():
        if not query.panel.endswith("$job"):
            assert 'job="$job"' in query.expression, query.panel
