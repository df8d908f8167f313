"""Probes notice a server that is down or frozen while it is not used."""

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


async def test_check_fails_or_warns_while_server_is_down() -> None:
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


async def test_probe_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "ANSWER_TIMEOUT_S", 0.02)
    health = Health()
    asked = Probe("log", asyncio.Event().wait, needed=True)
    async with background(("probes", probing((asked,), health, every_s=0.01))):
        await eventually(lambda: health.checks() == {"log": Check("fail", "no answer within 0 s")})


async def test_probes_cover_every_server(tmp_path: Path) -> None:
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
