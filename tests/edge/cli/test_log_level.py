"""`caas log-level` changes what a running `caas up` logs, which records it; without one, or a right, it says why."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.process.secrets_file import NAME, kept
from tests.e2e.processes import run
from tests.e2e.up import Up, running
from tests.edge.cli.conftest import Caas


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("log-level")) as found:
        yield found


def query(up: Up) -> list[dict[str, object]]:
    why = ("--purpose", "case 4711", "--action", "log:level", "--data", str(up.data), "--json")
    return [json.loads(line)["record"] for line in run("audit", "query", *why).splitlines()]


def test_levels_of_a_running_system_change_and_the_audit_log_says_who_did_it(up: Up) -> None:
    where = ("--data", str(up.data))
    first = json.loads(run("log-level", "caas.http=error,debug", *where, "--json"))
    assert (first["levels"], first["before"]) == ("caas.http=error,debug", "info")
    assert first["process"].startswith("up@") and first["process"].endswith(f":{up.pid}")
    assert run("log-level", "info", *where) == f"{first['process']} logs info, before caas.http=error,debug\n"
    newest, oldest = query(up)
    assert (newest["reason"], oldest["reason"]) == ("info", "caas.http=error,debug")
    assert oldest["outcome"] == "success"
    assert oldest["entity"] == {
        "type": "process",
        "id": first["process"],
        "conversation_id": None,
        "tenant": "default",
    }
    (changed, _) = [line for line in up.process.logged() if line["logger"] == "caas.log_level"]
    assert (changed["message"], changed["level"]) == ("log levels are caas.http=error,debug, before info", "warning")
    assert changed["correlation_id"] == oldest["correlation_id"]
    assert changed["node"]


def test_process_at_an_address_is_changed_too_with_its_secret_alone(up: Up, caas: Caas, tmp_path: Path) -> None:
    kept(tmp_path)
    other = caas("log-level", "debug", "--url", up.url, "--data", str(tmp_path))
    assert (other.status, other.out) == (1, "")
    assert "the token is none of ours" in other.err
    own = json.loads((up.data / NAME).read_text())["token_secret"]
    with_secret = caas("log-level", "info", "--url", f"{up.url}/", "--data", str(tmp_path), CAAS_TOKEN_SECRET=own)
    assert (with_secret.status, with_secret.err) == (0, "")


def test_system_that_does_not_run_is_named(caas: Caas, tmp_path: Path) -> None:
    assert caas("log-level", "debug", "--data", str(tmp_path)).status == 2
    kept(tmp_path)
    said = caas("log-level", "debug", "--data", str(tmp_path))
    assert (said.status, said.err) == (1, f"caas log-level: no system runs in {tmp_path}\n")
    said = caas("log-level", "debug", "--url", "http://127.0.0.1:1", "--data", str(tmp_path))
    assert said.status == 1
    assert said.err.startswith("caas log-level: http://127.0.0.1:1/api/v1/log-level does not answer: ")


@pytest.mark.parametrize("levels", ["loud", "aiokafka=debug", "info,debug"])
def test_wrong_levels_are_a_usage_error(caas: Caas, tmp_path: Path, levels: str) -> None:
    said = caas("log-level", levels, "--data", str(tmp_path))
    assert (said.status, "argument LEVELS: " in said.err) == (2, True)
