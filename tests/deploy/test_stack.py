"""A stack's directory holds one stack: its settings, its names, what it rejects and what it removes."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.local import process, record
from deploy.local.server import Layout, StackError
from deploy.local.stack import Stack

SECRETS = ("CAAS_APP_KEY", "CAAS_APP_SECRET", "CAAS_TOKEN_SECRET", "CAAS_AUDIT_SEED")
REDIS = ("gateway", "socket", "shared", "compliance", "crypto")


def test_the_settings_of_one_broker(tmp_path: Path) -> None:
    env = Stack(tmp_path).env()
    assert {name: value for name, value in env.items() if name not in SECRETS} == {
        "CAAS_ADAPTERS": "stack",
        "CAAS_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
        "CAAS_KAFKA_REPLICATION": "1",
        "CAAS_KAFKA_MIN_INSYNC": "1",
        "CAAS_MONGO_URL": "mongodb://127.0.0.1:27017/caas",
        "CAAS_REDIS_GATEWAY_URL": "redis://127.0.0.1:6379/0",
        "CAAS_REDIS_SOCKET_URL": "redis://127.0.0.1:6380/0",
        "CAAS_REDIS_SHARED_URL": "redis://127.0.0.1:6381/0",
        "CAAS_REDIS_COMPLIANCE_URL": "redis://127.0.0.1:6382/0",
        "CAAS_REDIS_CRYPTO_URL": "redis://127.0.0.1:6383/0",
        "CAAS_SEARCH_URL": "http://127.0.0.1:9201",
        "CAAS_SEARCH_FLAVOUR": "opensearch",
    }


def test_the_secrets_of_a_directory_are_created_once_for_their_owner_alone(tmp_path: Path) -> None:
    first = Stack(tmp_path / "one").env()
    assert all(len(first[name]) >= 16 for name in SECRETS)
    assert len(first["CAAS_TOKEN_SECRET"]) >= 32
    assert Stack(tmp_path / "one", brokers=3, shift=7).env()["CAAS_TOKEN_SECRET"] == first["CAAS_TOKEN_SECRET"]
    assert Stack(tmp_path / "other").env()["CAAS_TOKEN_SECRET"] != first["CAAS_TOKEN_SECRET"]
    (file,) = (tmp_path / "one").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_secrets_that_others_may_read_are_rejected(tmp_path: Path) -> None:
    Stack(tmp_path).env()
    (tmp_path / "secrets.json").chmod(0o640)
    with pytest.raises(StackError, match=r"secrets\.json is open to others: `chmod 600 "):
        Stack(tmp_path).env()


def test_an_unreadable_secrets_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").touch(0o600)
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(StackError, match=r"secrets\.json cannot be used"):
        Stack(tmp_path).env()


def test_clean_deletes_the_secrets_with_or_without_servers(tmp_path: Path) -> None:
    for prepare in (lambda: None, lambda: recorded(tmp_path)):
        prepare()
        Stack(tmp_path).env()
        Stack(tmp_path).clean()
        assert not (tmp_path / "secrets.json").exists()


def test_the_settings_of_three_brokers(tmp_path: Path) -> None:
    env = Stack(tmp_path, brokers=3).env()
    assert env["CAAS_KAFKA_BOOTSTRAP"] == "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094"
    assert (env["CAAS_KAFKA_REPLICATION"], env["CAAS_KAFKA_MIN_INSYNC"]) == ("3", "2")


def test_a_shift_moves_every_port_without_a_collision(tmp_path: Path) -> None:
    here, there = Stack(tmp_path, 3), Stack(tmp_path, 3, shift=10_000)
    ports = [port for stack in (here, there) for server in stack._servers("") for port in server.ports]
    assert len(set(ports)) == len(ports)
    assert there.env()["CAAS_SEARCH_URL"] == "http://127.0.0.1:19201"


def test_a_stack_lists_its_names(tmp_path: Path) -> None:
    redis = tuple(f"redis-{use}" for use in REDIS)
    assert Stack(tmp_path, 3).names() == ("kafka-1", "kafka-2", "kafka-3", *redis, "mongo", "search")
    assert Stack(tmp_path, only=frozenset({"redis"})).names() == redis


@pytest.mark.parametrize(("brokers", "only"), [(2, None), (1, frozenset({"s3"}))])
def test_an_impossible_stack_is_rejected(tmp_path: Path, brokers: int, only: frozenset[str] | None) -> None:
    with pytest.raises(StackError):
        Stack(tmp_path, brokers, only)


def test_an_unknown_name_is_rejected_with_the_known_names(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no server is called kafka-2; there are kafka-1, redis-gateway"):
        Stack(tmp_path).kill("kafka-2")


def test_a_server_that_does_not_run_is_down_and_cannot_be_killed(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="mongo is not running"):
        Stack(tmp_path).kill("mongo")
    assert {status.state for status in Stack(tmp_path).status()} == {"down"}


PLAIN = record.Record(brokers=1, roles=("redis",), mongo="memory", shift=0, cluster="c")


def recorded(directory: Path, **changes: Any) -> record.Record:
    wanted = replace(PLAIN, **changes)
    reconciled = record.reconcile(directory, wanted)
    record.write(directory, reconciled)
    return reconciled


def test_a_directory_keeps_its_cluster_and_collects_roles(tmp_path: Path) -> None:
    recorded(tmp_path)
    assert recorded(tmp_path, roles=("kafka",), cluster="another").roles == ("kafka", "redis")
    found = record.read(tmp_path)
    assert found is not None
    assert found.cluster == "c"


@pytest.mark.parametrize("change", [{"brokers": 3}, {"mongo": "h2"}, {"shift": 1}])
def test_another_stack_in_the_same_directory_is_rejected(tmp_path: Path, change: dict[str, object]) -> None:
    recorded(tmp_path)
    with pytest.raises(StackError, match="holds a stack with"):
        recorded(tmp_path, **change)


def test_up_rejects_another_broker_count_before_anything_starts(tmp_path: Path) -> None:
    recorded(tmp_path)
    with pytest.raises(StackError, match=r"holds a stack with 1 broker\(s\), not 3"):
        Stack(tmp_path, brokers=3).up()


def test_foreign_folders_are_rejected_and_never_cleaned(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(StackError, match="data that no stack made"):
        Stack(tmp_path).up()
    assert Stack(tmp_path).clean() == ()
    assert (tmp_path / "data").is_dir()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / record.FILE).write_text("[]")
    with pytest.raises(StackError, match=r"stack\.json is damaged"):
        record.read(tmp_path)


def test_cluster_ids_have_kafkas_form() -> None:
    ids = {record.cluster_id() for _ in range(500)}
    assert len(ids) == 500
    assert all(len(one) == 22 and not one.startswith("-") for one in ids)


def test_down_ends_the_processes_and_clean_removes_their_files(tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    directory.mkdir()
    recorded(directory)
    layout = Layout(directory)
    process.launch(("sleep", "60"), layout.log("kafka-7"), layout.pid("kafka-7"))
    assert Stack(directory).down() == ("kafka-7",)
    assert layout.log("kafka-7").exists()
    running = process.launch(("sleep", "60"), layout.log("mongo"), layout.pid("mongo"))
    assert Stack(directory).clean() == ("mongo",)
    assert not process.alive(running)
    assert not directory.exists()


def test_status_reports_a_frozen_server_and_up_rejects_it(tmp_path: Path) -> None:
    recorded(tmp_path, roles=("mongo",))
    stack, layout = Stack(tmp_path, only=frozenset({"mongo"})), Layout(tmp_path)
    process.launch(("sleep", "60"), layout.log("mongo"), layout.pid("mongo"))
    stack.freeze("mongo")
    assert [status.state for status in stack.status()] == ["frozen"]
    with pytest.raises(StackError, match="mongo cannot answer: frozen"):
        stack.up()
    stack.thaw("mongo")
    stack.stop("mongo")
    assert [status.state for status in stack.status()] == ["down"]


def test_the_record_is_plain_json(tmp_path: Path) -> None:
    recorded(tmp_path)
    assert json.loads((tmp_path / record.FILE).read_text())["roles"] == ["redis"]
