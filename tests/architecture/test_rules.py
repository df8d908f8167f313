"""What no file of ours does: swallow errors without a word, keep names that say nothing."""

import ast
from pathlib import PurePath

from tests.architecture.packages import files, named, trees

NO_NAMES = {"utils", "helpers", "common", "manager", "base", "util", "helper", "misc"}


def handlers() -> list[tuple[str, ast.ExceptHandler]]:
    """Every `except` of ours, with where it is."""
    return [
        (f"{name}:{node.lineno}", node)
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
    ]


def test_no_except_takes_everything() -> None:
    assert [where for where, node in handlers() if node.type is None] == []


def test_no_except_passes_in_silence() -> None:
    silent = [
        where
        for where, node in handlers()
        if all(isinstance(step, ast.Pass) or _is_ellipsis(step) for step in node.body)
    ]
    assert silent == []


def _is_ellipsis(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant) and step.value.value is Ellipsis


def test_cancellation_is_never_swallowed() -> None:
    swallowed = [
        f"{name}:{function.lineno}"
        for name, tree in trees()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(node, ast.ExceptHandler) and _takes_cancellation(node) for node in ast.walk(function))
        and not any(isinstance(node, ast.Raise) for node in ast.walk(function))
    ]
    assert swallowed == []


def _takes_cancellation(handler: ast.ExceptHandler) -> bool:
    return handler.type is not None and bool({"CancelledError", "BaseException"} & _names(handler.type))


def _names(kind: ast.expr) -> set[str]:
    attributes = {node.attr for node in ast.walk(kind) if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)}


def test_every_module_opens_with_a_sentence() -> None:
    assert [name for name, tree in trees() if not (ast.get_docstring(tree) or "").strip().rstrip(".")] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    parts = {named(path): set(PurePath(named(path)).with_suffix("").parts) for path in files()}
    assert {name for name, words in parts.items() if words & NO_NAMES} == set()
