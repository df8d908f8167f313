"""The example of docs/clients.md runs unchanged in a browser, except for the address of the gateway."""

import asyncio

import pytest
from playwright.async_api import Browser

from tests.browser.application import Application
from tests.docs.pages import examples
from tests.e2e.up import Up

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

GATEWAY = "http://127.0.0.1:3000"


async def test_example_prints_a_received_message(browser: Browser, application: Application, up: Up) -> None:
    (example,) = examples("clients.md", "js")
    assert example.text.count(f'"{GATEWAY}/client/caas.js"') == 1
    script = example.text.replace(GATEWAY, up.url).replace("/chat-token", "/token/ann")
    said: asyncio.Queue[str] = asyncio.Queue()
    context = await browser.new_context()
    page = await context.new_page()
    page.on("console", lambda message: said.put_nowait(message.text) if message.type == "log" else None)
    await page.goto(f"{application.url}/units.js")
    await page.add_script_tag(content=script, type="module")
    assert await asyncio.wait_for(said.get(), 30) == "ann says Noodles at noon?"
    await context.close()
