"""The labels of what a PromQL expression answers; a metric, label or value of a label that nothing has is an error."""

import re
from typing import get_args

import promql_parser as promql

from core.metrics import FAMILIES, PROCESS
from edge.composition import compose
from schemas.commands import NAME_OF
from schemas.topics import TOPICS
from schemas.wire.answers import Level
from schemas.wire.errors import ERRORS
from tests.deploy.observability.configured import filled_in, rules

SCRAPED = frozenset({"job", "instance"})
"""The labels that Prometheus adds to whatever it scrapes."""
VALUES = {
    "level": set(get_args(Level)),
    "outcome": {"ok", *ERRORS},
    "processor": set(compose.PROCESSORS),
    "query": set(NAME_OF.values()),
    "topic": set(TOPICS),
    "type": set(NAME_OF.values()),
}
"""The values of the labels whose values are known."""
Labels = frozenset[str]


class UnknownName(Exception):
    """The expression asks for a metric, a label or a value of a label that nothing exports."""


def exported() -> dict[str, Labels]:
    """Every series that Prometheus has of a process, by name, with its labels."""
    found = dict.fromkeys((*PROCESS, "up"), SCRAPED)
    for family in FAMILIES:
        labels = SCRAPED | set(family.labels)
        if family.kind == "histogram":
            found |= {f"{family.name}_bucket": labels | {"le"}}
            found |= {f"{family.name}_count": labels, f"{family.name}_sum": labels}
        else:
            found[family.name] = labels
    return found


def known() -> dict[str, Labels]:
    """Every series that there is, those of recording rules among them."""
    found, waiting = exported(), [rule for rule in rules() if not rule.is_alert]
    while waiting:
        ready = [rule for rule in waiting if not names_of(rule.expression) & {other.name for other in waiting}]
        assert ready, f"recording rules need each other: {[rule.name for rule in waiting]}"
        for rule in ready:
            found[rule.name] = labels_of(rule.expression, found) | set(rule.labels)
        waiting = [rule for rule in waiting if rule not in ready]
    return found


def names_of(expression: str) -> set[str]:
    """The names of the series that an expression asks for."""
    return {selector.name for selector in _selectors(promql.parse(filled_in(expression)))}


def labels_of(expression: str, series: dict[str, Labels]) -> Labels:
    """The labels of what the expression answers. Raises `UnknownName`."""
    return _labels(promql.parse(filled_in(expression)), series)


def _labels(node: promql.Expr, series: dict[str, Labels]) -> Labels:
    match node:
        case promql.VectorSelector():
            return _of_selector(node, series)
        case promql.MatrixSelector():
            return _of_selector(node.vector_selector, series)
        case promql.AggregateExpr():
            return _of_aggregate(node, series)
        case promql.BinaryExpr():
            return _of_binary(node, series)
        case promql.Call():
            found = frozenset[str]().union(*(_labels(one, series) for one in node.args))
            return found - {"le"} if node.func.name == "histogram_quantile" else found
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return _labels(node.expr, series)
        case promql.NumberLiteral() | promql.StringLiteral():
            return frozenset()
    raise AssertionError(f"not looked into: {type(node).__name__}")


def _of_selector(selector: promql.VectorSelector, series: dict[str, Labels]) -> Labels:
    if selector.name not in series:
        raise UnknownName(f"there is no metric {selector.name}")
    labels = series[selector.name]
    for matcher in selector.matchers.matchers:
        _require(selector.name, {matcher.name}, labels)
        if matcher.name in VALUES and re.fullmatch(r"[\w.:|-]+", matcher.value):
            unknown = set(matcher.value.split("|")) - VALUES[matcher.name]
            if unknown:
                raise UnknownName(f"{selector.name} has no {matcher.name} {', '.join(sorted(unknown))}")
    return labels


def _of_aggregate(node: promql.AggregateExpr, series: dict[str, Labels]) -> Labels:
    inside = _labels(node.expr, series)
    if node.modifier is None:
        return inside if str(node.op) in {"topk", "bottomk"} else frozenset()
    named = frozenset(node.modifier.labels)
    _require("what is aggregated", named, inside)
    return named if node.modifier.type == promql.AggModifierType.By else inside - named


def _of_binary(node: promql.BinaryExpr, series: dict[str, Labels]) -> Labels:
    left, right = _labels(node.lhs, series), _labels(node.rhs, series)
    if not left or not right:
        return left | right
    matching = node.modifier.matching if node.modifier is not None else None
    if matching is not None:
        _require("the left side", set(matching.labels), left)
        _require("the right side", set(matching.labels), right)
        return left
    if str(node.op) == "or":
        return left & right
    if left != right:
        raise UnknownName(f"no two series match: {sorted(left)} on the left side, {sorted(right)} on the right")
    return left


def _require(what: str, named: set[str] | Labels, labels: Labels) -> None:
    if unknown := set(named) - labels:
        raise UnknownName(f"{what} has no label {', '.join(sorted(unknown))}")


def _selectors(node: promql.Expr) -> list[promql.VectorSelector]:
    match node:
        case promql.VectorSelector():
            return [node]
        case promql.MatrixSelector():
            return [node.vector_selector]
        case promql.BinaryExpr():
            return _selectors(node.lhs) + _selectors(node.rhs)
        case promql.Call():
            return [found for one in node.args for found in _selectors(one)]
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return _selectors(node.expr)
    return []
