"""`ready on …` is logged once, when no check fails for the first time."""

import asyncio
import logging

import pytest

from core.health import Health
from edge.process.announce import announced
from tests.eventually import eventually


async def test_readiness_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="caas.ready")
    health = Health()
    health.waits("memberships", "starting")
    async with announced(health, "ws://127.0.0.1:3002/socket"):
        await asyncio.sleep(0)
        assert not caplog.messages
        health.goes_on("memberships")
        await eventually(lambda: caplog.messages == ["ready on ws://127.0.0.1:3002/socket"])
        health.waits("presence", "down")
        health.goes_on("presence")
    assert caplog.messages == ["ready on ws://127.0.0.1:3002/socket"]


async def test_process_stopped_before_ready_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    health.waits("memberships", "starting")
    async with announced(health, "here"):
        await asyncio.sleep(0)
    assert not caplog.messages
