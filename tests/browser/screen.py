"""One page of the application in a browser, as one user sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Browser, Page

from tests.browser.application import Application
from tests.eventually import eventually

Json = dict[str, Any]


class Screen:
    """`do` runs JavaScript there, with `client` in reach; `heard` is all that its client told."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def do(self, script: str, given: Any = None) -> Any:
        """What this JavaScript function answers."""
        return await self.page.evaluate(script, given)

    async def ask(self, kind: str, **data: Any) -> Any:
        """The answer to a command."""
        return await self.do("([kind, data]) => client.ask(kind, data)", [kind, data])

    async def send(self, room: str, text: str) -> Any:
        """The answer to a send."""
        return await self.do("([room, text]) => client.send(room, text)", [room, text])

    async def room(self, *others: str) -> str:
        """A group with these others."""
        answer = await self.ask("conversation:create", participants=list(others))
        found: str = answer["conversation_id"]
        return found

    async def heard(self, *kinds: str) -> list[Json]:
        """All events of these types, in the order told."""
        found: list[Json] = await self.do("(kinds) => heard.filter(({type}) => kinds.includes(type))", list(kinds))
        return found

    async def said(self) -> list[tuple[int, str]]:
        """Number and text of every message told."""
        return [(event["n"], event["data"]["text"]) for event in await self.heard("message:new")]

    async def texts(self) -> list[str]:
        """Every message told."""
        return [text for _, text in await self.said()]

    async def until_heard(self, kind: str, count: int = 1, within: float = 30) -> list[Json]:
        """The events of this type, once there are so many."""

        async def enough() -> list[Json] | bool:
            found = await self.heard(kind)
            return found if len(found) >= count else False

        found: list[Json] = await eventually(enough, within)
        return found


@asynccontextmanager
async def opened(browser: Browser, application: Application, user: str, **more: Any) -> AsyncIterator[Screen]:
    """A page of this user in a browser profile of its own, once its client has begun or was refused.

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
    """The page of this user; `keeps` says whether it keeps what it sends, `positions` where it begins (JSON), `device`
    what its device is called.
    """
    client = f"{application.ready['url']}/client/caas.js"
    return f"{application.url}/?{urlencode({'user': user, 'client': client, **more})}"
