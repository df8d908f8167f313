"""Panels and rules ask only for metrics, labels and values that the one table has, and this check can fail."""

import re

import pytest

from tests.deploy.observability.configured import Query, Rule, all_queries, rules
from tests.deploy.observability.expressions import UnknownName, known, labels_of

SERIES = known()
IN_LEGEND = re.compile(r"{{\s*(\w+)\s*}}")
IN_ANNOTATION = re.compile(r"\$labels\.(\w+)")


@pytest.mark.parametrize("query", all_queries(), ids=lambda query: query.panel)
def test_panel_asks_for_what_there_is(query: Query) -> None:
    labels = labels_of(query.expression, SERIES)
    assert set(IN_LEGEND.findall(query.legend)) <= labels, f"its series have {sorted(labels)} alone"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_rule_asks_for_what_there_is(rule: Rule) -> None:
    labels = labels_of(rule.expression, SERIES)
    named = {name for text in rule.annotations.values() for name in IN_ANNOTATION.findall(text)}
    assert named <= labels, f"an annotation has the labels of its series alone: {sorted(labels)}"


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("caas_push_holes_total", "no metric caas_push_holes_total"),
        ("rate(caas_ack_latency_seconds[5m])", "no metric caas_ack_latency_seconds"),
        ('caas_unpersisted{node="a"}', "caas_unpersisted has no label node"),
        ("sum by (user) (caas_ws_connections)", "has no label user"),
        ("sum by (topic) (max by (processor) (caas_projection_frozen))", "has no label topic"),
        ('caas_projection_frozen{processor="mesages"}', "has no processor mesages"),
        ('caas_commands_total{outcome=~"ok|unavailible"}', "has no outcome unavailible"),
        ("histogram_quantile(0.99, sum by (level) (rate(caas_query_latency_seconds_bucket[5m])))", "no label level"),
        ("caas_projection_lag_seconds * on (check) caas_check_status", "the left side has no label check"),
        ("sum by (job) (caas_unpersisted) / caas_ws_connections", "no two series match"),
        ("caas:ack_slow:ratio_rate2h", "no metric caas:ack_slow:ratio_rate2h"),
    ],
)
def test_unknown_name_is_found(expression: str, complaint: str) -> None:
    with pytest.raises(UnknownName, match=complaint):
        labels_of(expression, SERIES)


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("sum(caas_ws_connections)", set()),
        ("topk(3, caas_ws_connections)", {"job", "instance"}),
        ("sum without (instance) (caas_ws_connections)", {"job"}),
        ("caas_check_status > 1", {"job", "instance", "check"}),
        ("caas_check_status or up", {"job", "instance"}),
        ("max_over_time(caas_unpersisted[5m:1m]) or up", {"job", "instance"}),
        ("histogram_quantile(0.5, sum by (le, job) (rate(caas_delivery_latency_seconds_bucket[5m])))", {"job"}),
    ],
)
def test_labels_of_an_answer_are_those_of_prometheus(expression: str, labels: set[str]) -> None:
    assert labels_of(expression, SERIES) == labels
