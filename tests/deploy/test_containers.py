"""`CAAS_TEST_SERVERS` chooses the servers of tests; a run without them ends with one line. Needs no Docker."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core import settings
from deploy.local.server import StackError
from deploy.local.stack import Stack
from tests.architecture.packages import ROOT
from tests.stack.containers import Containers, lives, primary, servers
from tests.stack.servers import VARIABLE, chosen, servers_in

NOWHERE = "unix:///nowhere/docker.sock"
ABSENT = "import sys; sys.modules['testcontainers'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"


def collected(
    choice: str, *arguments: str, program: tuple[str, ...] = ("-m", "pytest")
) -> subprocess.CompletedProcess[str]:
    """Return the result of pytest for these tests without Docker; it only collects them."""
    return subprocess.run(
        [sys.executable, *program, "--collect-only", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**os.environ, VARIABLE: choice, "DOCKER_HOST": NOWHERE},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one error line of a rejected run."""
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    assert "Traceback" not in done.stdout + done.stderr
    return line


@pytest.mark.parametrize(
    ("environment", "kind"),
    [({}, Stack), ({VARIABLE: ""}, Stack), ({VARIABLE: "local"}, Stack), ({VARIABLE: "containers"}, Containers)],
)
def test_the_variable_chooses_the_servers(environment: dict[str, str], kind: type, tmp_path: Path) -> None:
    assert type(servers_in(tmp_path, 0, environment)) is kind


def test_another_value_is_rejected() -> None:
    with pytest.raises(StackError, match="CAAS_TEST_SERVERS=podman: it is one of local, containers"):
        chosen({VARIABLE: "podman"})
    line = complaint(collected("podman", "tests/stack/test_redis_hints.py"))
    assert line == "ERROR: CAAS_TEST_SERVERS=podman: it is one of local, containers"


def test_without_docker_the_run_ends_with_one_line() -> None:
    line = complaint(collected("containers", "tests/stack/test_redis_hints.py"))
    assert line.startswith("ERROR: CAAS_TEST_SERVERS=containers needs Docker, which does not answer: ")


def test_without_the_package_the_run_ends_with_one_line() -> None:
    line = complaint(collected("containers", "tests/stack/test_redis_hints.py", program=("-c", ABSENT)))
    assert line.startswith("ERROR: CAAS_TEST_SERVERS=containers needs testcontainers, which is not installed ")


def test_tests_that_stop_servers_are_deselected_and_reported() -> None:
    done = collected("containers", "tests/stack/test_redis_outages.py", "tests/stack/test_named_nodes.py")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "CAAS_TEST_SERVERS=containers: deselected, since they take servers away: " in done.stdout
    assert "no tests collected (" in done.stdout


def test_tests_without_servers_run_with_any_choice() -> None:
    assert collected("podman", "tests/deploy/test_stack.py").returncode == pytest.ExitCode.OK


def test_caas_accepts_the_environment_which_names_the_published_ports(tmp_path: Path) -> None:
    shift = 6_000
    found = Containers(tmp_path, shift).env()
    loaded = settings.load(found)
    assert (loaded.adapters, loaded.search_flavour) == ("stack", "elasticsearch")
    assert loaded.mongo_url == f"mongodb://127.0.0.1:{27017 + shift}/caas?replicaSet=caas"
    published = {server.name: server.port for server in servers(shift)}
    named = {
        "kafka": loaded.kafka_bootstrap,
        "mongo": loaded.mongo_url.removesuffix("/caas?replicaSet=caas"),
        "search": loaded.search_url,
        "blobs": found["AWS_ENDPOINT_URL_S3"],
        "redis-gateway": loaded.redis_gateway_url.removesuffix("/0"),
        "redis-socket": loaded.redis_socket_url.removesuffix("/0"),
        "redis-shared": loaded.redis_shared_url.removesuffix("/0"),
        "redis-compliance": loaded.redis_compliance_url.removesuffix("/0"),
        "redis-crypto": loaded.redis_crypto_url.removesuffix("/0"),
    }
    assert {name: int(address.rpartition(":")[2]) for name, address in named.items()} == published


def test_the_secrets_are_shared_and_deleted_at_the_end(tmp_path: Path) -> None:
    created = Containers(tmp_path)
    assert created.env()["CAAS_TOKEN_SECRET"] == Containers(tmp_path).env()["CAAS_TOKEN_SECRET"]
    created.clean()
    assert list(tmp_path.iterdir()) == []


def test_the_broker_advertises_the_published_address() -> None:
    (kafka,) = [server for server in servers(50) if server.name == "kafka"]
    assert kafka.environment["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:9142"
    assert kafka.environment["KAFKA_LISTENERS"] == "PLAINTEXT://:9142,CONTROLLER://:9242"
    assert kafka.environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_every_image_is_pinned() -> None:
    tags = {server.image: server.image.rpartition(":")[2] for server in servers()}
    assert [image for image, tag in tags.items() if not re.search(r"\d+\.\d+\.\d+$|^RELEASE\.", tag)] == []


@pytest.mark.parametrize("probe", [primary, lives])
def test_a_missing_server_is_not_up(probe: object) -> None:
    assert callable(probe)
    assert probe(1) is not None
