"""The dashboards, rules and other files of deploy/observability, as data."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.packages import ROOT

FOLDER = ROOT / "deploy" / "observability"
PROMETHEUS = FOLDER / "prometheus"
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
ALL_YAML = sorted(FOLDER.rglob("*.yml"))
_VARIABLE_QUERY = re.compile(r"label_values\((?P<expression>.+), (?P<label>\w+)\)")


@dataclass(frozen=True, slots=True)
class Query:
    """What one panel asks for; `legend` is the template of its series' names."""

    panel: str
    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A recording rule, or an alert with its annotations."""

    name: str
    is_alert: bool
    expression: str
    labels: dict[str, str]
    annotations: dict[str, str]


def read(path: Path) -> Any:
    """What a YAML file says."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def dashboard(path: Path) -> dict[str, Any]:
    """What a dashboard's file says."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def queries(path: Path) -> Iterator[Query]:
    """Every query of a dashboard, those of its variables among them."""
    found = dashboard(path)
    for panel in found["panels"]:
        for target in panel["targets"]:
            yield Query(f"{path.stem}: {panel['title']}", target["expr"], target["legendFormat"])
    for variable in found["templating"]["list"]:
        if variable["type"] == "query":
            match = _VARIABLE_QUERY.fullmatch(variable["query"])
            assert match, variable["query"]
            yield Query(f"{path.stem}: ${variable['name']}", match["expression"], f"{{{{{match['label']}}}}}")


def all_queries() -> list[Query]:
    """The queries of all dashboards."""
    return [query for path in DASHBOARDS for query in queries(path)]


def rules() -> list[Rule]:
    """All rules."""
    return [
        Rule(
            rule.get("alert") or rule["record"],
            "alert" in rule,
            str(rule["expr"]),
            rule.get("labels", {}),
            rule.get("annotations", {}),
        )
        for path in RULES
        for group in read(path)["groups"]
        for rule in group["rules"]
    ]


def alerts() -> list[str]:
    """The names of all alerts."""
    return sorted({rule.name for rule in rules() if rule.is_alert})


def filled_in(expression: str, job: str = "caas", interval: str = "5m") -> str:
    """A panel's query with values for Grafana's variables."""
    return expression.replace("$__rate_interval", interval).replace("$job", job)
