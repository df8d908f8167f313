"""One broker of three may fail during a recorded chat: with two in sync, nothing acknowledged is lost."""

import time

import pytest

from deploy.local.stack import Stack
from tests.e2e.processes import System
from tests.kills.playing import ROWS, check_read_models, played

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.soak, pytest.mark.timeout(400)]


def test_play_survives_a_killed_broker(three_brokers: tuple[Stack, System]) -> None:
    stack, system = three_brokers

    def disturb() -> None:
        stack.kill("kafka-2")
        time.sleep(5)
        stack.start("kafka-2")

    played(system, ROWS, disturb)
    check_read_models(system)
