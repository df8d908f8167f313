"""`caas verify` and `caas transcript` say what they wait for, and end when nobody brings it."""

import asyncio
from pathlib import Path

import pytest

from core.settings import Settings
from edge import compose
from edge.cli import progress
from streams import behind
from tests.edge.cli.conftest import Caas
from tests.streams.world import said

ROOM = "6f1d1f8a-0000-5000-8000-000000000001"


@pytest.mark.parametrize("verb", [("verify",), ("verify", "messages"), ("transcript",)])
async def test_beside_a_system_that_nobody_works_they_end_with_a_line(
    caas: Caas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.setattr(behind, "STANDS_STILL_S", 0.4)
    monkeypatch.setattr(progress, "FIRST_S", 0.1)
    settings = Settings(data=str(tmp_path))
    async with compose.opened(compose.embedded(settings)) as system:
        await asyncio.gather(*(system.log.append(said(ROOM, n)) for n in range(3)))
        ended = await asyncio.to_thread(caas, *verb, "--data", str(tmp_path))
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.splitlines() == [
        f"{verb[0]}: waits for messages, 3 records behind the log",
        f"caas {verb[0]}: messages stands still 3 records behind the log: does its worker run? `caas worker messages`",
    ]
