"""`caas token` needs nothing but the directory, and not even that."""

import json
from pathlib import Path

from edge.auth.tokens import Tokens
from edge.secrets_file import kept
from tests.edge.cli.conftest import Caas


def test_a_token_is_printed_without_a_running_system(caas: Caas, tmp_path: Path) -> None:
    said = caas("token", "ann", "--data", str(tmp_path / "new"))
    assert (said.status, said.err) == (0, "")
    identity = Tokens(kept(tmp_path / "new").token_secret, 1).verify(said.out.strip())
    assert (identity.tenant, identity.user_id) == ("default", "ann")


def test_programs_get_what_the_gateway_would_answer(caas: Caas, tmp_path: Path) -> None:
    said = json.loads(caas("token", "ann", "--ttl", "60", "--data", str(tmp_path), "--json").out)
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 60)


def test_what_is_no_user_id_is_told(caas: Caas, tmp_path: Path) -> None:
    said = caas("token", "a b", "--data", str(tmp_path))
    assert (said.status, said.out, said.err.startswith("caas token: ")) == (1, "", True)
