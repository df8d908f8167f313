"""Containers runs real servers in Docker with `testcontainers`, at the ports of a local stack.

A container listens on the port that it is published at, so that the address that a server reports is right for its
clients. Docker must be on this machine: clients connect to 127.0.0.1.
"""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from docker.errors import DockerException
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from deploy.local import credentials, kafka, mongo, redis, search
from deploy.local.server import HOST, Probe, StackError
from deploy.local.settings import settings
from tests.stack.servers import VARIABLE

REPLICA_SET = "caas"
BLOBS = 9000
TIMEOUT_S = 120.0
_MEMORY = "-Xms512m -Xmx512m"


@dataclass(frozen=True, slots=True)
class Server:
    """One container; it is up when `probe` returns None."""

    name: str
    image: str
    port: int
    probe: Probe
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Containers:
    """All servers, for the tests of one run; `directory` keeps the secrets of the processes on them.

    When this process dies, `testcontainers` removes what it left running.
    """

    directory: Path
    shift: int = 0
    _running: list[DockerContainer] = field(default_factory=list)

    def up(self) -> None:
        """Start all servers, and wait until each answers; if one does not, remove those that started."""
        try:
            for server in servers(self.shift):
                self._running.append(_started(server))
            for server in servers(self.shift):
                _await(server.name, server.probe)
        except BaseException:
            self.clean()
            raise

    def env(self) -> dict[str, str]:
        """Return the settings that point CAAS at them, the secrets of its processes, and the object store."""
        found = settings(1, self.shift)
        return {
            **found,
            "CAAS_MONGO_URL": f"{found['CAAS_MONGO_URL']}?replicaSet={REPLICA_SET}",
            "CAAS_SEARCH_FLAVOUR": "elasticsearch",
            "AWS_ENDPOINT_URL_S3": f"http://{HOST}:{BLOBS + self.shift}",
            "AWS_ACCESS_KEY_ID": "caas",
            "AWS_SECRET_ACCESS_KEY": "caas-secret",
            **credentials.load_or_create(self.directory),
        }

    def clean(self) -> None:
        """Remove the containers with their data, and the secrets."""
        while self._running:
            self._running.pop().stop()
        credentials.delete(self.directory)


def ask_docker() -> None:
    """Raises StackError if Docker does not answer."""
    try:
        DockerClient().client.close()
    except DockerException as error:
        raise StackError(f"{VARIABLE}=containers needs Docker, which does not answer: {error}") from error


def servers(shift: int = 0) -> tuple[Server, ...]:
    """Return every server of a stack, and MinIO."""
    caches = (
        Server(
            f"redis-{use}",
            "redis:8.0.3",
            port + shift,
            partial(redis.answers, port + shift),
            ("redis-server", "--port", str(port + shift), "--save", "", "--appendonly", "no"),
        )
        for use, port in redis.PORTS.items()
    )
    return (_kafka(shift), _mongo(mongo.PORT + shift), _search(search.HTTP + shift), _blobs(BLOBS + shift), *caches)


def _kafka(shift: int) -> Server:
    """Return a broker with the settings of a local one, but on all addresses, with the file paths of its image."""
    port, controllers = kafka.CLIENTS + shift, kafka.CONTROLLERS + shift
    lines = kafka.properties(1, 1, Path("/tmp"), shift).splitlines()
    local = dict(line.split("=", 1) for line in lines)
    del local["log.dirs"]
    wanted = local | {"listeners": f"PLAINTEXT://:{port},CONTROLLER://:{controllers}"}
    return Server(
        "kafka",
        "apache/kafka:4.1.1",
        port,
        partial(kafka.check_brokers, port, frozenset({1})),
        environment={f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in wanted.items()},
    )


def _mongo(port: int) -> Server:
    """Return a replica set of one."""
    command = ("mongod", "--port", str(port), "--bind_ip_all", "--replSet", REPLICA_SET)
    return Server("mongo", "mongo:8.0.13", port, partial(primary, port), command)


def primary(port: int) -> str | None:
    """Return why the member at this port does not accept writes, or None; initiate the replica set if there is none."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        f"mongodb://{HOST}:{port}/?directConnection=true&serverSelectionTimeoutMS=1000&socketTimeoutMS=1000"
    )
    member = {"_id": 0, "host": f"{HOST}:{port}"}
    try:
        if not client.admin.command("hello").get("setName"):
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        writes = bool(client.admin.command("hello").get("isWritablePrimary"))
    except OperationFailure as error:
        return str(error.details)
    except PyMongoError as error:
        return str(error).split(",", 1)[0]
    finally:
        client.close()
    return None if writes else "no member is primary yet"


def _search(port: int) -> Server:
    environment = {
        "discovery.type": "single-node",
        "http.port": str(port),
        "xpack.security.enabled": "false",
        "ingest.geoip.downloader.enabled": "false",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "ES_JAVA_OPTS": _MEMORY,
    }
    image = "docker.elastic.co/elasticsearch/elasticsearch:9.5.2"
    return Server("search", image, port, partial(search.healthy, port), environment=environment)


def _blobs(port: int) -> Server:
    return Server(
        "blobs",
        "minio/minio:RELEASE.2025-09-07T16-13-09Z",
        port,
        partial(lives, port),
        ("server", "/data", "--address", f":{port}"),
        {"MINIO_ROOT_USER": "caas", "MINIO_ROOT_PASSWORD": "caas-secret"},
    )


def lives(port: int) -> str | None:
    """Return why MinIO is not alive, or None."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2.0)
    try:
        connection.request("GET", "/minio/health/live")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"it answered {status}"


def _started(server: Server) -> DockerContainer:
    container = DockerContainer(server.image, env=dict(server.environment)).with_bind_ports(server.port, server.port)
    if server.command:
        container = container.with_command(list(server.command))
    try:
        return container.start()
    except DockerException as error:
        container.stop()
        raise StackError(f"{server.name} ({server.image}) did not start: {error}") from error


def _await(name: str, probe: Probe) -> None:
    until = time.monotonic() + TIMEOUT_S
    while (reason := probe()) is not None:
        if time.monotonic() > until:
            raise StackError(f"{name} did not come up within {TIMEOUT_S:.0f} s: {reason}")
        time.sleep(0.2)
