"""Without the extras the embedded system works; verbs that need real servers, and telemetry, name theirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli.extras import MISSING, NO_TELEMETRY, OTEL, STACK
from tests.architecture.packages import ROOT

WITHOUT = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {sorted(STACK | OTEL)!r}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
from edge.cli import main
sys.exit(main(sys.argv[1:]))
"""


def caas(*arguments: str, data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a verb without any of the servers' clients installed."""
    environment = {**os.environ, "CAAS_DATA": str(data), **settings}
    command = [sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_verb(tmp_path: Path) -> None:
    done = caas("--help", data=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(verb in done.stdout for verb in ("up", "token", "worker", "stack"))


@pytest.mark.parametrize("verb", ["worker", "topics", "stack"])
def test_verb_of_the_real_servers_names_the_extra(tmp_path: Path, verb: str) -> None:
    done = caas(verb, "--json", data=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"caas {verb}: {MISSING}\n")


def test_node_of_the_real_servers_names_the_extra(tmp_path: Path) -> None:
    done = caas("serve", "socket", data=tmp_path, CAAS_ADAPTERS="stack", CAAS_TOKEN_SECRET="s" * 32)
    assert done.returncode == 1
    assert MISSING in done.stderr and "Traceback" not in done.stderr


def test_embedded_system_runs(tmp_path: Path) -> None:
    environment = {**os.environ, "CAAS_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-c", WITHOUT, "up", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert '"socket_urls"' in process.stdout.readline()
        finally:
            process.terminate()


def test_telemetry_names_the_extra(tmp_path: Path) -> None:
    done = caas("up", "--port", "0", data=tmp_path, CAAS_OTLP_ENDPOINT="http://127.0.0.1:4318")
    assert (done.returncode, done.stderr) == (1, f"caas up: {NO_TELEMETRY}\n")
