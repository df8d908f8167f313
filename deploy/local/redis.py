"""Describes five small Redis servers instead of one, so that each role can fail alone; they keep nothing on disk."""

from __future__ import annotations

import socket
from functools import partial

from deploy.local.server import HOST, Layout, RedisCommand, Server

PORTS = {"gateway": 6379, "socket": 6380, "shared": 6381, "compliance": 6382, "crypto": 6383}


def answers(port: int) -> str | None:
    """Return None if the server answers PING by PONG, else the reason."""
    try:
        with socket.create_connection((HOST, port), 1.0) as connection:
            connection.settimeout(1.0)
            connection.sendall(b"PING\r\n")
            reply = connection.recv(64)
    except OSError as error:
        return str(error)
    return None if reply == b"+PONG\r\n" else f"it answered {reply!r} to PING"


def servers(layout: Layout, shift: int = 0) -> tuple[Server, ...]:
    """Return one server per role of a Redis."""
    return tuple(_server(layout, f"redis-{use}", port + shift) for use, port in PORTS.items())


def _server(layout: Layout, name: str, port: int) -> Server:
    flags = {
        "--bind": HOST,
        "--port": str(port),
        "--dir": str(layout.data(name)),
        "--save": "",
        "--appendonly": "no",
        "--daemonize": "no",
    }
    arguments = tuple(word for flag in flags.items() for word in flag)
    return Server(name, "redis", (port,), RedisCommand(arguments), partial(answers, port), start_timeout_s=20.0)
