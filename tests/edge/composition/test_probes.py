"""A server that is away or frozen is noticed while nobody asks anything of it."""

import asyncio
from pathlib import Path

import pytest

from core.health import Check, Health
from core.ports.event_log import Unavailable
from core.settings import Settings
from edge.composition import compose, probes
from edge.composition.probes import Probe, probes_of, probing
from edge.process.background import background
from tests.eventually import eventually


async def test_a_server_that_is_away_fails_or_warns_and_passes_when_it_is_back() -> None:
    health, up = Health(), asyncio.Event()

    async def ask() -> None:
        if not up.is_set():
            raise Unavailable("gone")

    asked = (Probe("log", ask, needed=True), Probe("index", ask, needed=False))
    async with background(("probes", probing(asked, health, every_s=0.01))):
        await eventually(lambda: health.checks() == {"log": Check("fail", "gone"), "index": Check("warn", "gone")})
        assert not health.ready
        up.set()
        await eventually(lambda: health.checks() == {"log": Check("pass"), "index": Check("pass")})


async def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "ANSWER_S", 0.02)
    health = Health()
    asked = Probe("log", asyncio.Event().wait, needed=True)
    async with background(("probes", probing((asked,), health, every_s=0.01))):
        await eventually(lambda: health.checks() == {"log": Check("fail", "no answer within 0 s")})


async def test_every_server_of_a_process_is_asked(tmp_path: Path) -> None:
    health = Health()
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path))), health) as found:
        assert health.ready
        asked = probes_of(found, needed=frozenset({"log"}))
        for probe in asked:
            await probe.ask()
    assert [(probe.name, probe.needed) for probe in asked] == [
        ("log", True),
        ("documents", False),
        ("index", False),
        ("bus", False),
    ]
