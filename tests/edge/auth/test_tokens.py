"""Tokens open sockets for their user until they expire, and for no other user."""

import base64

import jwt
import msgspec
import pytest

from edge.auth.tokens import SKEW_S, NotAuthorized, Tokens

SECRET = "s" * 32


def code_of(tokens: Tokens, token: str) -> str:
    with pytest.raises(NotAuthorized) as refused:
        tokens.verify(token)
    return refused.value.code


def test_token_names_its_user() -> None:
    tokens = Tokens(SECRET, 900, now=lambda: 1000.0)
    token, expires_in = tokens.issue("acme", "ann")
    identity = tokens.verify(token)
    assert (identity.tenant, identity.user_id, identity.expires_at, expires_in) == ("acme", "ann", 1900.0, 900)


def test_token_has_the_name_prefixes_of_its_user() -> None:
    tokens = Tokens(SECRET, 900)
    for names in ((), ("order-",), ("order-", ""), ("x" * 128,) * 20):
        assert tokens.verify(tokens.issue("acme", "ann", names)[0]).names == names
    for wrong in (("x" * 129,), ("x",) * 21):
        with pytest.raises(msgspec.ValidationError):
            tokens.issue("acme", "ann", wrong)


def test_token_has_the_roles_of_its_user() -> None:
    tokens = Tokens(SECRET, 900)
    for roles in ((), ("sre",), ("compliance_officer", "admin")):
        assert tokens.verify(tokens.issue("acme", "ann", roles=roles)[0]).roles == roles
    for wrong in (("boss",), ("sre",) * 5):
        with pytest.raises(msgspec.ValidationError):
            tokens.issue("acme", "ann", roles=wrong)
    claims = jwt.decode(tokens.issue("acme", "ann")[0], SECRET, algorithms=["HS256"], audience="caas")
    for claim, code in ((["a_role_of_tomorrow"], ""), ("sre", "unauthorized"), ([1], "unauthorized")):
        token = jwt.encode({**claims, "roles": claim}, SECRET, "HS256")
        if code:
            assert code_of(tokens, token) == code
        else:
            assert tokens.verify(token).roles == ("a_role_of_tomorrow",)


def test_token_of_unserved_tenant_is_refused() -> None:
    issues = Tokens(SECRET, 900)
    served = Tokens(SECRET, 900, tenants=("acme", "umbra"))
    assert served.verify(issues.issue("umbra", "ann")[0]).tenant == "umbra"
    assert code_of(served, issues.issue("acm", "ann")[0]) == "unauthorized"
    assert issues.verify(issues.issue("acm", "ann")[0]).tenant == "acm"


def test_token_expires() -> None:
    now = 1000.0
    tokens = Tokens(SECRET, 900, now=lambda: now)
    token, _ = tokens.issue("acme", "ann")
    now = 1900.0
    assert code_of(tokens, token) == "token_expired"


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_token_with_other_algorithm_is_refused(algorithm: str) -> None:
    claims = {"sub": "ann", "tenant": "acme", "aud": "caas", "iat": 1, "exp": 9e9, "jti": "1"}
    key = None if algorithm == "none" else SECRET * 2
    assert code_of(Tokens(SECRET * 2, 900), jwt.encode(claims, key, algorithm)) == "unauthorized"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "else"},
        {"sub": "a b"},
        {"tenant": ""},
        {"tenant": None},
        {"exp": "x"},
        {"iat": "x"},
        {"nbf": "x"},
        {"names": "order-"},
    ],
)
def test_token_with_wrong_claims_is_refused(changed: dict[str, object]) -> None:
    claims = {"sub": "ann", "tenant": "acme", "aud": "caas", "iat": 1, "exp": 9_000_000_000, "jti": "1"} | changed
    assert code_of(Tokens(SECRET, 900), jwt.encode(claims, SECRET, "HS256")) == "unauthorized"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "opens"), [(0, True), (SKEW_S, True), (SKEW_S + 1, False), (1e300, False)])
def test_token_of_the_future_is_refused_within_clock_tolerance(claim: str, ahead: float, opens: bool) -> None:
    claims = {"sub": "ann", "tenant": "acme", "aud": "caas", "iat": 1, "exp": 9e9, "jti": "1", claim: 1000 + ahead}
    tokens = Tokens(SECRET, 900, now=lambda: 1000.0)
    token = jwt.encode(claims, SECRET, "HS256")
    if opens:
        assert tokens.verify(token).user_id == "ann"
    else:
        assert code_of(tokens, token) == "unauthorized"


@pytest.mark.parametrize("missing", ["sub", "tenant", "aud", "iat", "exp", "jti"])
def test_token_without_a_claim_is_refused(missing: str) -> None:
    claims = {"sub": "ann", "tenant": "acme", "aud": "caas", "iat": 1, "exp": 9_000_000_000, "jti": "1"}
    del claims[missing]
    assert code_of(Tokens(SECRET, 900), jwt.encode(claims, SECRET, "HS256")) == "unauthorized"


def test_token_of_other_secret_and_malformed_token_are_refused() -> None:
    token, _ = Tokens("x" * 32, 900).issue("acme", "ann")
    assert code_of(Tokens(SECRET, 900), token) == "unauthorized"
    assert code_of(Tokens(SECRET, 900), "rubbish") == "unauthorized"


def test_invalid_user_id_and_short_secret_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        Tokens(SECRET, 900).issue("acme", "a b")
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens("short", 900)


@pytest.mark.parametrize("head", [b"[" * 30_000, b"\xff\xfe", b'{"alg":[]}', b'{"alg":"none"}', b"{}"])
def test_token_with_malformed_header_is_refused(head: bytes) -> None:
    encoded = base64.urlsafe_b64encode(head).rstrip(b"=").decode()
    for token in (f"{encoded}.e30.x", f"{encoded}.e30.", "\udcff.e30.x"):
        with pytest.raises(NotAuthorized) as refusal:
            Tokens("s" * 32, 60).verify(token)
        assert refusal.value.code == "unauthorized"
