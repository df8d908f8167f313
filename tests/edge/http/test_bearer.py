"""Who calls is in the header `Authorization`; without a valid token there is a problem."""

import pytest
from aiohttp.test_utils import make_mocked_request

from edge.auth.tokens import Tokens
from edge.http.bearer import caller, token_of
from edge.http.problems import HttpProblem

TOKENS = Tokens("s" * 32, 900)


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("abc", None), ("", None), ("Bearer", "")],
)
def test_token_is_that_of_the_scheme_bearer(header: str, token: str | None) -> None:
    assert token_of(make_mocked_request("GET", "/", headers={"Authorization": header})) == token


def test_caller_has_the_roles_of_the_token() -> None:
    token, _ = TOKENS.issue("acme", "olga", roles=["compliance_officer"])
    found = caller(make_mocked_request("GET", "/", headers={"Authorization": f"Bearer {token}"}), TOKENS)
    assert (found.tenant, found.user_id, found.roles) == ("acme", "olga", ("compliance_officer",))


def test_request_without_a_valid_token_is_refused() -> None:
    expired, _ = Tokens("s" * 32, 900, now=lambda: 1000.0).issue("acme", "olga")
    for headers, code in (
        ({}, "unauthorized"),
        ({"Authorization": "Bearer nonsense"}, "unauthorized"),
        ({"Authorization": f"Bearer {expired}"}, "token_expired"),
    ):
        with pytest.raises(HttpProblem) as refused:
            caller(make_mocked_request("GET", "/", headers=headers), TOKENS)
        assert refused.value.problem.code == code
