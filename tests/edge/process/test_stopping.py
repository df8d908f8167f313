"""A process stops on a signal, and when one of its services ends by itself."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from edge.process.stopping import INTERRUPTED, SIGNALS, on_signals, until

TWICE = f"""
import asyncio, os, signal
from edge.process.stopping import on_signals

async def main():
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    asked = on_signals()
    os.kill(os.getpid(), signal.{{first}})
    await asked.wait()
    os.kill(os.getpid(), signal.{{second}})
    await asyncio.sleep({60})

asyncio.run(main())
"""


@pytest.fixture
def _with_a_terminal() -> Iterator[None]:
    """Restore SIGHUP, which tests started under `nohup` ignore."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_with_a_terminal")
@pytest.mark.parametrize("number", SIGNALS)
async def test_signal_sets_the_event(number: signal.Signals) -> None:
    asked = on_signals()
    try:
        assert not asked.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(asked.wait(), 5)
    finally:
        for each in SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(each)


@pytest.mark.parametrize(
    ("first", "second"),
    [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGINT"), ("SIGTERM", "SIGINT"), ("SIGHUP", "SIGHUP")],
)
def test_second_signal_ends_the_process_at_once(first: str, second: str) -> None:
    program = [sys.executable, "-c", TWICE.format(first=first, second=second)]
    assert subprocess.run(program, timeout=30, check=False).returncode == INTERRUPTED


def test_nohup_process_ignores_sighup() -> None:
    program = """
import asyncio, os, signal
from edge.process.stopping import on_signals

async def main():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asked = on_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0)
    assert not asked.is_set()

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == 0


async def test_until_returns_on_stop_and_cancels_its_services() -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def service() -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    await until(asked, ("one", service()))
    assert ended.is_set()


async def test_failed_or_ended_service_is_raised() -> None:
    async def fails() -> None:
        raise OSError("gone")

    async def ends() -> None:
        return

    with pytest.raises(OSError, match="gone"):
        await until(asyncio.Event(), ("one", fails()))
    with pytest.raises(RuntimeError, match="two ended by itself"):
        await until(asyncio.Event(), ("two", ends()))
