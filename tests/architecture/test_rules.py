"""No file of ours swallows errors silently or has a meaningless name."""

import ast
from pathlib import PurePath

from tests.architecture.packages import files, named, trees

MEANINGLESS_NAMES = {"utils", "helpers", "common", "manager", "base", "util", "helper", "misc"}


def handlers() -> list[tuple[str, ast.ExceptHandler]]:
    """Return every `except` of ours, with its place."""
    return [
        (f"{name}:{node.lineno}", node)
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
    ]


def test_every_except_names_its_errors() -> None:
    assert [where for where, node in handlers() if node.type is None] == []


def test_every_except_handles_its_error() -> None:
    silent = [
        where
        for where, node in handlers()
        if all(isinstance(step, ast.Pass) or _is_ellipsis(step) for step in node.body)
    ]
    assert silent == []


def _is_ellipsis(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant) and step.value.value is Ellipsis


def test_cancellation_is_raised_again() -> None:
    swallowed = [
        f"{name}:{function.lineno}"
        for name, tree in trees()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(node, ast.ExceptHandler) and _catches_cancellation(node) for node in ast.walk(function))
        and not any(isinstance(node, ast.Raise) for node in ast.walk(function))
    ]
    assert swallowed == []


def _catches_cancellation(handler: ast.ExceptHandler) -> bool:
    return handler.type is not None and bool({"CancelledError", "BaseException"} & _names(handler.type))


def _names(kind: ast.expr) -> set[str]:
    attributes = {node.attr for node in ast.walk(kind) if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)}


def test_every_module_has_a_docstring() -> None:
    assert [name for name, tree in trees() if not (ast.get_docstring(tree) or "").strip().rstrip(".")] == []


def test_every_module_has_a_meaningful_name() -> None:
    parts = {named(path): set(PurePath(named(path)).with_suffix("").parts) for path in files()}
    assert {name for name, words in parts.items() if words & MEANINGLESS_NAMES} == set()
