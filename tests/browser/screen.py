"""Screen drives one page of the application in a browser, for one user."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Browser, Page

from tests.browser.application import Application
from tests.eventually import eventually

Json = dict[str, Any]


class Screen:
    """One page; `do` runs JavaScript there, which can use `client`; `received` returns events of its client."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def do(self, script: str, given: Any = None) -> Any:
        """Return the result of this JavaScript function."""
        return await self.page.evaluate(script, given)

    async def ask(self, kind: str, **data: Any) -> Any:
        """Send a command; return its answer."""
        return await self.do("([kind, data]) => client.ask(kind, data)", [kind, data])

    async def send(self, room: str, text: str) -> Any:
        """Send a message; return the answer."""
        return await self.do("([room, text]) => client.send(room, text)", [room, text])

    async def room(self, *others: str) -> str:
        """Create a group with these others; return its id."""
        answer = await self.ask("conversation:create", participants=list(others))
        found: str = answer["conversation_id"]
        return found

    async def received(self, *kinds: str) -> list[Json]:
        """Return all events of these types, in the order received."""
        found: list[Json] = await self.do("(kinds) => received.filter(({type}) => kinds.includes(type))", list(kinds))
        return found

    async def said(self) -> list[tuple[int, str]]:
        """Return number and text of every received message."""
        return [(event["n"], event["data"]["text"]) for event in await self.received("message:new")]

    async def texts(self) -> list[str]:
        """Return the text of every received message."""
        return [text for _, text in await self.said()]

    async def until_received(self, kind: str, count: int = 1, within: float = 30) -> list[Json]:
        """Return the events of this type, once there are at least `count`."""

        async def enough() -> list[Json] | bool:
            found = await self.received(kind)
            return found if len(found) >= count else False

        found: list[Json] = await eventually(enough, within)
        return found


@asynccontextmanager
async def opened(browser: Browser, application: Application, user: str, **more: Any) -> AsyncIterator[Screen]:
    """Open a page of this user in a separate browser profile; yield once its client has connected or was refused.

    `script` runs there before anything else.
    """
    script, where = more.pop("script", ""), address(application, user, **more)
    context = await browser.new_context()
    try:
        if script:
            await context.add_init_script(script)
        page = await context.new_page()
        await page.goto(where)
        await page.wait_for_function("window.ready")
        await page.evaluate("async () => { await hello.catch(() => {}) }")
        yield Screen(page)
    finally:
        await context.close()


def address(application: Application, user: str, **more: Any) -> str:
    """Return the address of this user's page; `keeps` enables stored commands, `positions` are its initial positions
    (JSON), `device` is the name of its device.
    """
    client = f"{application.ready['url']}/client/caas.js"
    return f"{application.url}/?{urlencode({'user': user, 'client': client, **more})}"
