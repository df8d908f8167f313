"""One table says what can go wrong; codes are unique, and their numbers say what to do."""

import ast
from pathlib import Path

import pytest

from schemas.wire import errors
from schemas.wire.errors import CLOSES, ERRORS, CloseCode, problem

ROOT = Path(errors.__file__).parents[2]
SAYS_A_CODE = {"problem", "Rejected", "NotAuthorized"}


def said_codes() -> set[tuple[str, str]]:
    """Every code that our packages name where they make an error, with its file."""
    found = set()
    for package in ("core", "edge", "projections", "schemas", "streams"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    if name in SAYS_A_CODE and isinstance(node.args[0].value, str):
                        found.add((str(path.relative_to(ROOT)), node.args[0].value))
    return found


def test_every_code_that_code_says_is_in_the_table() -> None:
    said = said_codes()
    assert said
    assert not {(path, code) for path, code in said if code not in ERRORS}


def test_close_codes_are_unique() -> None:
    assert len({close.code for close in CLOSES.values()}) == len(CLOSES)


RETURNS = (1001, 1011, 1012, 1013, 4000, 4499)
STAYS_AWAY = (1000, 1009, 3999, 4500, 4999, 5000)


@pytest.mark.parametrize(
    ("code", "comes_back"), [*((code, True) for code in RETURNS), *((code, False) for code in STAYS_AWAY)]
)
def test_a_client_knows_by_the_number_whether_to_come_back(code: int, comes_back: bool) -> None:
    assert CloseCode(code, "", "").reconnect is comes_back


def test_what_may_be_retried_is_the_servers_fault_or_came_too_soon() -> None:
    assert all(error.status >= 500 or error.status == 429 for error in ERRORS.values() if error.retry)
    assert all(400 <= error.status < 600 for error in ERRORS.values())


def test_a_problem_says_what_the_table_says_and_the_case() -> None:
    told = problem("not_ready", "the view is behind", retry_after_ms=500)
    assert (told.code, told.title, told.retry) == ("not_ready", ERRORS["not_ready"].title, True)
    assert (told.detail, told.retry_after_ms) == ("the view is behind", 500)
    assert problem("not_ready").detail == ERRORS["not_ready"].title


def test_there_is_no_problem_outside_the_table() -> None:
    with pytest.raises(KeyError):
        problem("something_else")
