"""Sends one Metadata request over a raw socket to find which brokers are in service: an open port is not enough."""

from __future__ import annotations

import socket
import struct

_METADATA, _VERSION, _CORRELATION = 3, 4, 1
_CLIENT = b"caas-stack"


def metadata_request() -> bytes:
    """Return a Metadata request, version 4, for no topics; every broker since 0.11 answers it."""
    head = struct.pack(">hhih", _METADATA, _VERSION, _CORRELATION, len(_CLIENT)) + _CLIENT
    body = head + struct.pack(">i?", 0, False)
    return struct.pack(">i", len(body)) + body


def brokers_in(answer: bytes) -> frozenset[int]:
    """Return the node ids of a Metadata answer (without its size): the brokers that are alive and not fenced."""
    _correlation, _throttle, count = struct.unpack_from(">iii", answer)
    position, nodes = 12, []
    for _ in range(count):
        node, host = struct.unpack_from(">ih", answer, position)
        position += 6 + host + 4
        (rack,) = struct.unpack_from(">h", answer, position)
        position += 2 + max(rack, 0)
        nodes.append(node)
    return frozenset(nodes)


def _receive(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise ConnectionError("the broker closed the connection")
        parts += part
    return bytes(parts)


def brokers_seen(host: str, port: int, timeout: float = 2.0) -> frozenset[int]:
    """Return the brokers in service, as seen by the one at this address. Raises OSError."""
    with socket.create_connection((host, port), timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(metadata_request())
        (size,) = struct.unpack(">i", _receive(connection, 4))
        return brokers_in(_receive(connection, size))
