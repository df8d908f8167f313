"""`caas token` needs only the secrets of a system, running or not, and creates no system."""

import json
from pathlib import Path

import pytest

from edge.auth.tokens import Tokens
from edge.process.secrets_file import NAME, kept
from tests.edge.cli.conftest import Caas


def test_token_is_printed_without_a_running_system(caas: Caas, tmp_path: Path) -> None:
    known = kept(tmp_path)
    said = caas("token", "ann", "--data", str(tmp_path))
    assert (said.status, said.err) == (0, "")
    identity = Tokens(known.token_secret, 1).verify(said.out.strip())
    assert (identity.tenant, identity.user_id) == ("default", "ann")


def test_token_may_open_names_of_applications(caas: Caas, tmp_path: Path) -> None:
    known = kept(tmp_path)
    said = caas("token", "app", "--names", "order-", "--names", "", "--data", str(tmp_path))
    assert Tokens(known.token_secret, 1).verify(said.out.strip()).names == ("order-", "")


def test_json_output_is_the_gateways_answer(caas: Caas, tmp_path: Path) -> None:
    kept(tmp_path)
    said = json.loads(caas("token", "ann", "--ttl", "60", "--data", str(tmp_path), "--json").out)
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 60)


@pytest.mark.parametrize("seconds", ["0", "-5"])
def test_token_lives_for_at_least_one_second(caas: Caas, tmp_path: Path, seconds: str) -> None:
    kept(tmp_path)
    said = caas("token", "ann", "--ttl", seconds, "--data", str(tmp_path))
    assert (said.status, said.out, "a token lives for a second at least" in said.err) == (2, "", True)


def test_invalid_user_id_is_reported(caas: Caas, tmp_path: Path) -> None:
    kept(tmp_path)
    said = caas("token", "a b", "--data", str(tmp_path))
    assert (said.status, said.out, said.err.startswith("caas token: ")) == (1, "", True)


def test_given_secret_needs_no_directory(caas: Caas, tmp_path: Path) -> None:
    said = caas("token", "ann", "--data", str(tmp_path / "none"), CAAS_TOKEN_SECRET="t" * 32)
    assert (said.status, said.err) == (0, "")
    assert Tokens("t" * 32, 1).verify(said.out.strip()).user_id == "ann"
    assert not (tmp_path / "none").exists()


READING_VERBS = [
    ("token", "ann"),
    ("verify",),
    ("transcript",),
    ("rebuild", "messages"),
    ("rollback", "messages"),
    ("log", "adopt"),
]


@pytest.mark.parametrize("verb", READING_VERBS, ids=lambda verb: verb[0])
def test_verbs_that_need_a_system_fail_without_one_and_create_none(
    caas: Caas, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    data = tmp_path / "typo"
    said = caas(*verb, "--data", str(data))
    assert (said.status, said.out) == (2 if verb[0] == "token" else 1, "")
    assert said.err == f"caas {verb[0]}: there is no system in {data}: `caas up --data {data}` makes one\n"
    assert not data.exists()


@pytest.mark.parametrize("verb", [("token", "ann"), ("up", "--port", "0"), ("serve", "gateway")])
@pytest.mark.parametrize("how", ["open to others", "broken"])
def test_unusable_secrets_are_refused_in_one_line(caas: Caas, tmp_path: Path, verb: tuple[str, ...], how: str) -> None:
    kept(tmp_path)
    if how == "broken":
        (tmp_path / NAME).write_text("{")
    else:
        (tmp_path / NAME).chmod(0o644)
    where = {"CAAS_DATA": str(tmp_path)} if verb[0] == "serve" else {}
    said = caas(*verb, *(() if where else ("--data", str(tmp_path))), **where)
    assert (said.status, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert said.err.startswith(f"caas {verb[0]}: {tmp_path / NAME} is {how} ")
