"""Fixtures: one Chromium for all tests, one `caas up` for tests that do not stop it; each page has its own profile."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.application import Application, serving
from tests.browser.cable import Cable, laid
from tests.browser.system import System, started
from tests.e2e.up import Up, running

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    assert CHROMIUM.exists(), "these tests need Chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        await found.close()


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("browser"), {"CAAS_HEARTBEAT_MS": "2000"}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def application(up: Up) -> AsyncIterator[Application]:
    async with serving(Application(up.ready)) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def cable(up: Up, application: Application) -> AsyncIterator[Cable]:
    """The cable that the pages of this test connect through."""
    async with laid(up.socket_url) as found:
        application.changes = lambda granted: {**granted, "socket_urls": [found.url]}
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with started(tmp_path) as found:
        yield found
