"""Every dead letter is counted, and logged once; of a flood ten a second are logged, and the number of the others."""

import logging

import pytest

from core.health import Health
from core.ports.effects import Effects
from core.ports.event_log import Received
from projections.ephemeral.in_process import InProcessBus, InProcessNodeRegistry
from schemas.topics import DEAD_LETTER, MESSAGE_SENT
from streams.log.memory import MemoryLog
from streams.runtime import dead_letters
from streams.runtime.effects import LiveEmitter
from streams.runtime.record_decoder import dead_letter
from tests.eventually import eventually
from tests.streams.world import said


def poison(offset: int, cause: str = "no header ce_id", correlation_id: str = "") -> Received:
    headers = (("correlation_id", correlation_id.encode()),) if correlation_id else ()
    return Received(MESSAGE_SENT, 2, offset, offset, b"key", b"value", headers, 0)


def emitter(log: MemoryLog, health: Health) -> LiveEmitter:
    return LiveEmitter(log, InProcessBus(), InProcessNodeRegistry(), health, "messages")


async def test_dead_letter_counts_and_is_logged_with_its_place_cause_and_correlation_id(
    log: MemoryLog, caplog: pytest.LogCaptureFixture
) -> None:
    health = Health()
    dead = dead_letter(poison(7, correlation_id="c-1"), "messages", "foreign", "no header ce_id")
    await emitter(log, health).emit(Effects([said("room", 1), dead], []))
    assert health.counted["messages_dead_letters"] == 1
    assert caplog.messages == [
        'messages: dead letter topic=message.sent partition=2 offset=7 code=foreign cause="no header ce_id"'
    ]
    assert caplog.records[0].levelno == logging.WARNING
    assert getattr(caplog.records[0], "correlation_id", None) == "c-1"


async def test_flood_logs_some_lines_and_a_number_and_counts_all(
    log: MemoryLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "INTERVAL_S", 0.2)
    health, lines = Health(), dead_letters.MAX_LINES
    flood = [dead_letter(poison(n), "messages", "foreign", "no header") for n in range(500)]
    one = emitter(log, health)
    await one.emit(Effects(flood[:250], []))
    await one.emit(Effects(flood[250:], []))
    assert health.counted["messages_dead_letters"] == 500
    assert len(caplog.messages) == lines
    await eventually(lambda: len(caplog.messages) == lines + 1)
    assert caplog.messages[-1] == f"messages: {500 - lines} more dead letters within 0 s"
    await one.emit(Effects(flood[:1], []))
    assert "offset=0" in caplog.messages[-1]


async def test_cause_stays_on_its_line(log: MemoryLog, caplog: pytest.LogCaptureFixture) -> None:
    dead = dead_letter(poison(7), "messages", "broken_fold", "one\n2026 ERROR caas two")
    await emitter(log, Health()).emit(Effects([dead], []))
    assert dead.topic == DEAD_LETTER
    assert "\n" not in caplog.messages[0]
