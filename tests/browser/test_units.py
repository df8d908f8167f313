"""Unit tests of the parts of the JavaScript client that need no line, run in a browser."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.application import HERE, Application, serving
from tests.browser.screen import Screen, opened
from tests.e2e.up import Up

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NAMES = re.findall(r"^  (?:async )?(\w+)\(\) \{$", (HERE / "units.js").read_text(), re.MULTILINE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def screen(browser: Browser, up: Up) -> AsyncIterator[Screen]:
    async with serving(Application(up.ready)) as application, opened(browser, application, "nobody") as found:
        await found.do("async () => { window.units = (await import('/units.js')).units }")
        yield found


@pytest.mark.parametrize("name", NAMES)
async def test_unit(screen: Screen, name: str) -> None:
    await screen.do("async (name) => { await units[name]() }", name)


async def test_every_unit_is_tested(screen: Screen) -> None:
    assert await screen.do("() => Object.keys(units)") == NAMES
