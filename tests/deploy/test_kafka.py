"""The broker's settings fit the number of brokers, and its own answer decides whether it is in service."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import pytest

from deploy.local import kafka
from deploy.local.kafka_wire import brokers_in, brokers_seen, metadata_request
from deploy.local.server import HOST, Layout


def settings(node: int, brokers: int, shift: int = 0) -> dict[str, str]:
    lines = kafka.properties(node, brokers, Path("/data"), shift).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_one_broker_keeps_one_copy() -> None:
    one = settings(1, 1)
    copies = {name: one[name] for name in one if name.endswith("replication.factor")}
    assert set(copies.values()) == {"1"}
    assert one["min.insync.replicas"] == "1"
    assert one["controller.quorum.voters"] == "1@127.0.0.1:9192"


def test_three_brokers_keep_three_copies_and_need_two_in_sync() -> None:
    two = settings(2, 3)
    assert two["offsets.topic.replication.factor"] == two["transaction.state.log.replication.factor"] == "3"
    assert two["min.insync.replicas"] == two["transaction.state.log.min.isr"] == "2"
    assert two["controller.quorum.voters"] == "1@127.0.0.1:9192,2@127.0.0.1:9193,3@127.0.0.1:9194"
    assert two["listeners"] == "PLAINTEXT://127.0.0.1:9093,CONTROLLER://127.0.0.1:9193"
    assert (two["broker.session.timeout.ms"], two["broker.heartbeat.interval.ms"]) == ("3000", "500")


def test_the_index_of_a_segment_fits_the_segment() -> None:
    one = settings(1, 1)
    entries = int(one["log.segment.bytes"]) // 4096
    assert entries * 12 <= int(one["log.index.size.max.bytes"])


def test_a_shift_moves_every_port() -> None:
    shifted = settings(1, 1, 1000)
    assert shifted["listeners"] == "PLAINTEXT://127.0.0.1:10092,CONTROLLER://127.0.0.1:10192"
    (server,) = kafka.servers(Layout(Path("/stack")), 1, "id", 1000)
    assert server.ports == (10092, 10192)


def test_three_brokers_get_a_smaller_heap_and_one_cluster_id() -> None:
    servers = kafka.servers(Layout(Path("/stack")), 3, "the-id")
    assert [server.name for server in servers] == ["kafka-1", "kafka-2", "kafka-3"]
    for server in servers:
        assert "-Xmx320m" in server.command.options  # type: ignore[union-attr]
        assert "the-id" in server.prepare.arguments  # type: ignore[union-attr]


def metadata_answer(*nodes: tuple[int, str | None]) -> bytes:
    body = struct.pack(">iii", 1, 0, len(nodes))
    for node, rack in nodes:
        name = HOST.encode()
        body += struct.pack(">ih", node, len(name)) + name + struct.pack(">i", 9092)
        body += struct.pack(">h", -1) if rack is None else struct.pack(">h", len(rack)) + rack.encode()
    return body + b"the cluster id and topics"


def test_the_request_begins_with_its_size() -> None:
    request = metadata_request()
    assert struct.unpack_from(">ihh", request) == (len(request) - 4, 3, 4)


@pytest.mark.parametrize("racks", [(None, None), ("a", None), (None, "bb")])
def test_the_brokers_in_an_answer_are_decoded(racks: tuple[str | None, str | None]) -> None:
    assert brokers_in(metadata_answer((1, racks[0]), (3, racks[1]))) == {1, 3}


def answer_once(listening: socket.socket, body: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(1024)
        for byte in struct.pack(">i", len(body)) + body:
            connection.sendall(bytes([byte]))


def test_a_broker_that_does_not_see_another_is_reported() -> None:
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=answer_once, args=(listening, metadata_answer((1, None), (3, None))))
        thread.start()
        assert kafka.check_brokers(port, frozenset({1, 2, 3})) == "it does not see broker 2 yet"
        thread.join()


def test_an_open_port_without_an_answer_is_not_a_broker() -> None:
    with socket.create_server((HOST, 0)) as listening, pytest.raises(TimeoutError):
        brokers_seen(HOST, listening.getsockname()[1], timeout=0.1)
