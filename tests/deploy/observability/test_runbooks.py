"""Every alert has a page that says what to do, and every page an alert."""

import pytest

from tests.architecture.packages import ROOT
from tests.deploy.observability.configured import RULE_TESTS, alerts, read, rules
from tests.docs.pages import DOCS, headings, page, prose

RUNBOOKS = DOCS / "runbooks"
SECTIONS = {"What it means", "What to look at", "What to do", "How it ends"}
SEVERITIES = {"critical", "warning"}


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == alerts()


@pytest.mark.parametrize("alert", alerts())
def test_page_says_what_it_means_what_to_look_at_and_do_and_how_it_ends(alert: str) -> None:
    assert headings(f"runbooks/{alert}.md") == {alert} | SECTIONS
    assert "```" in page(f"runbooks/{alert}.md"), "it names a command"


@pytest.mark.parametrize("alert", alerts())
def test_page_is_in_the_table_of_alerts(alert: str) -> None:
    assert f"| [{alert}](runbooks/{alert}.md) |" in prose("observability.md")


def test_alert_names_its_page_and_how_urgent_it_is() -> None:
    for rule in (rule for rule in rules() if rule.is_alert):
        assert rule.annotations["runbook"] == f"docs/runbooks/{rule.name}.md"
        assert (ROOT / rule.annotations["runbook"]).is_file()
        assert rule.labels["severity"] in SEVERITIES
        assert rule.annotations["summary"] and rule.annotations["description"]


@pytest.mark.parametrize("alert", alerts())
def test_alert_is_seen_to_fire_and_not_to_fire(alert: str) -> None:
    """What `promtool test rules` proves (`test_promtool.py`) it proves for every alert."""
    tried = [
        one
        for path in RULE_TESTS
        for case in read(path)["tests"]
        for one in case["alert_rule_test"]
        if one["alertname"] == alert
    ]
    fired = {tuple(sorted(expected["exp_labels"].items())) for one in tried for expected in one["exp_alerts"]}
    of_rule = {tuple(sorted(rule.labels.items())) for rule in rules() if rule.is_alert and rule.name == alert}
    for labels in of_rule:
        assert any(set(labels) <= set(one) for one in fired), f"{dict(labels)} is never seen to fire"
    assert any(not one["exp_alerts"] for one in tried)
