"""A probe needs an answer, not only an open port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from deploy.local import mongo, redis, search
from deploy.local.server import HOST


def with_answer(reply: bytes, probe: Callable[[int], str | None]) -> str | None:
    """Return the probe's result for a server that sends this reply to any request."""

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(reply)

    with socket.create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            return probe(listening.getsockname()[1])
        finally:
            thread.join()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        return int(listening.getsockname()[1])


def http(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize("probe", [redis.answers, search.healthy])
def test_a_closed_port_is_a_reason(probe: Callable[[int], str | None]) -> None:
    assert "refused" in (probe(free_port()) or "")


def test_redis_answers_pong() -> None:
    assert with_answer(b"+PONG\r\n", redis.answers) is None
    assert "LOADING" in (with_answer(b"-LOADING Redis is loading\r\n", redis.answers) or "")


@pytest.mark.parametrize("status", ["green", "yellow"])
def test_search_is_up_when_its_cluster_is(status: str) -> None:
    assert with_answer(http(f'{{"status": "{status}"}}'), search.healthy) is None


@pytest.mark.parametrize(("body", "word"), [('{"status": "red"}', "red"), ("<html>", "html"), ("[]", "not known")])
def test_search_is_not_up_otherwise(body: str, word: str) -> None:
    assert word in (with_answer(http(body), search.healthy) or "")


def test_search_that_closes_the_connection_is_not_up() -> None:
    assert with_answer(b"", search.healthy)


def test_a_missing_mongo_is_a_reason() -> None:
    assert "refused" in (mongo.answers(free_port()) or "")
