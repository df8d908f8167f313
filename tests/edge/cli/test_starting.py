"""A process whose servers are unreachable reports it from the start, stays alive, and stops on SIGTERM."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.processes import CAAS, free_port
from tests.eventually import eventually

NOWHERE = {
    "CAAS_ADAPTERS": "stack",
    "CAAS_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    "CAAS_MONGO_URL": "mongodb://127.0.0.1:1/caas",
    "CAAS_SEARCH_URL": "http://127.0.0.1:1",
    "CAAS_REDIS_SOCKET_URL": "redis://127.0.0.1:1/0",
    "CAAS_REDIS_SHARED_URL": "redis://127.0.0.1:1/0",
    "CAAS_REDIS_GATEWAY_URL": "redis://127.0.0.1:1/0",
    "CAAS_TOKEN_SECRET": "t" * 32,
}
TIMEOUT_S = 20


@contextmanager
def started(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, **NOWHERE, "CAAS_DATA": str(directory)}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([str(CAAS), *arguments], env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("worker messages --health-port", {"log", "documents", "index", "messages"}),
        ("worker search --runner plain --health-port", {"log", "documents", "index", "search"}),
        ("serve socket --port", {"log", "documents", "index", "node"}),
    ],
)
async def test_process_is_alive_and_not_ready_until_its_servers_are_reachable(
    tmp_path: Path, verb: str, expected: set[str]
) -> None:
    port = free_port()
    seen: list[tuple[int, dict[str, Any]]] = []
    with started(tmp_path, *verb.split(), str(port)) as process:
        async with aiohttp.ClientSession() as session:

            async def not_ready_with_reasons() -> None:
                async with session.get(f"http://127.0.0.1:{port}/livez") as answer:
                    assert answer.status == 200
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    seen.append((answer.status, (await answer.json(content_type=None))["checks"]))
                reasons = {name: check[0].get("output", "") for name, check in seen[-1][1].items()}
                assert all(reasons[name] != "starting" for name in ("log", "documents", "index"))

            await eventually(not_ready_with_reasons, within=TIMEOUT_S)
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert "caas_processor_records_total" in await answer.text()
        assert {status for status, _ in seen} == {503}
        assert all(set(checks) == expected for _, checks in seen)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(TIMEOUT_S) == 0
        assert time.monotonic() - began < TIMEOUT_S / 2
    assert "Traceback" not in (tmp_path / "log").read_text()
