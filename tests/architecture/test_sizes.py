"""A file has one idea and a function one step: what is larger has a second one that wants a name."""

import ast

from tests.architecture.packages import files, named, trees

FILE_LINES = 300
FUNCTION_LINES = 40
LARGE: frozenset[str] = frozenset()
"""`file` or `file:function` that may be larger, each with its reason beside it. There is none."""


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function without its docstring."""
    first = function.body[0]
    said = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if said else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_no_file_has_more_than_300_lines() -> None:
    found = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert {name: lines for name, lines in found.items() if lines > FILE_LINES and name not in LARGE} == {}


def test_no_function_has_more_than_40_lines() -> None:
    found = {
        f"{name}:{node.name}": lines_of(node)
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in found.items() if lines > FUNCTION_LINES and name not in LARGE} == {}
