"""Every action of the system concerns one thing, and no action of another service has its name."""

from typing import get_args

from core.audit.classification import ACTIONS, CLASSIFICATION_OF, NAMESPACES, classification_of
from schemas.audit_terms import Classification
from schemas.commands import COMMANDS
from schemas.commands.queries import Query
from tests.docs.test_audited import NAMED, OPERATORS

QUERIES = {name for name, command in COMMANDS.items() if command in get_args(Query)}


def test_every_action_has_a_class() -> None:
    operators = {f"operator:{act}" for act in OPERATORS}
    assert CLASSIFICATION_OF.keys() == (COMMANDS.keys() - QUERIES) | set(NAMED) | operators


def test_no_action_has_two() -> None:
    assert sum(len(actions) for actions in ACTIONS.values()) == len(CLASSIFICATION_OF)
    assert ACTIONS.keys() == set(get_args(Classification))


def test_class_of_an_action_is_found() -> None:
    assert [classification_of(action) for action in ("message:edit", "auth:login", "audit:query")] == [
        "content",
        "security",
        "personal_data",
    ]
    assert classification_of("caas.message.edited.v7") is None
    assert {"message", "operator", "audit"} <= NAMESPACES
