"""One table has all errors; codes are unique, and their numbers tell a client what to do."""

import ast
from pathlib import Path

import pytest

from schemas.wire import errors
from schemas.wire.errors import CLOSES, ERRORS, CloseCode, problem

ROOT = Path(errors.__file__).parents[2]
NAMES_A_CODE = {"problem", "Rejected", "NotAuthorized"}


def named_codes() -> set[tuple[str, str]]:
    """Return every code that our packages name where they create an error, with its file."""
    found = set()
    for package in ("core", "edge", "projections", "schemas", "streams"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    if name in NAMES_A_CODE and isinstance(node.args[0].value, str):
                        found.add((str(path.relative_to(ROOT)), node.args[0].value))
    return found


def test_every_code_in_the_sources_is_in_the_table() -> None:
    codes = named_codes()
    assert codes
    assert not {(path, code) for path, code in codes if code not in ERRORS}


def test_close_codes_are_unique() -> None:
    assert len({close.code for close in CLOSES.values()}) == len(CLOSES)


RECONNECT = (1001, 1011, 1012, 1013, 4000, 4499)
STAY_AWAY = (1000, 1009, 3999, 4500, 4999, 5000)


@pytest.mark.parametrize(
    ("code", "reconnects"), [*((code, True) for code in RECONNECT), *((code, False) for code in STAY_AWAY)]
)
def test_the_number_tells_a_client_whether_to_reconnect(code: int, reconnects: bool) -> None:
    assert CloseCode(code, "", "").reconnect is reconnects


def test_errors_with_retry_are_server_errors_or_rate_limits() -> None:
    assert all(error.status >= 500 or error.status == 429 for error in ERRORS.values() if error.retry)
    assert all(400 <= error.status < 600 for error in ERRORS.values())


def test_a_problem_has_the_entry_of_the_table_and_the_detail() -> None:
    found = problem("not_ready", "the view is behind", retry_after_ms=500)
    assert (found.code, found.title, found.retry) == ("not_ready", ERRORS["not_ready"].title, True)
    assert (found.detail, found.retry_after_ms) == ("the view is behind", 500)
    assert problem("not_ready").detail == ERRORS["not_ready"].title


def test_a_problem_with_an_unknown_code_raises() -> None:
    with pytest.raises(KeyError):
        problem("something_else")
