"""Files and functions are small: a file has one idea, a function one step."""

import ast

from tests.architecture.packages import files, named, trees

FILE_LINES = 300
FUNCTION_LINES = 40
FOLDER_FILES = 12
LARGE: frozenset[str] = frozenset()
"""`file` or `file:function` that may be larger, each with a comment why. None is."""


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_every_file_has_at_most_300_lines() -> None:
    found = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert {name: lines for name, lines in found.items() if lines > FILE_LINES and name not in LARGE} == {}


def test_every_function_has_at_most_40_lines() -> None:
    found = {
        f"{name}:{node.name}": lines_of(node)
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in found.items() if lines > FUNCTION_LINES and name not in LARGE} == {}


def test_no_folder_of_the_socket_service_has_more_than_twelve_files() -> None:
    folders = {path.parent for path in files() if "edge/socket" in named(path)}
    counted = {named(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert {folder: count for folder, count in counted.items() if count > FOLDER_FILES} == {}
