"""Whatever a line and a node go through: every message arrives once, and in the order in which it was sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser

from tests.browser.application import Application, serving
from tests.browser.cable import Cable
from tests.browser.screen import Screen, opened
from tests.browser.system import System
from tests.browser.test_talking import told, users
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

LOSES = """
    // The page's own WebSocket, but a push of lane `sent` with the number 3 gets lost, once.
    window.lost = [];
    window.came = [];
    window.WebSocket = class extends WebSocket {
        addEventListener(type, listener) {
            super.addEventListener(type, (event) => {
                const {lane, n} = type === "message" ? JSON.parse(event.data) : {};
                if (lane === "sent" && n === 3 && lost.length === 0) lost.push(event.data);
                else listener(event);
                came.push(`${lane} ${n}`);
            });
        }
    };
"""


@asynccontextmanager
async def opened_beside(browser: Browser, application: Application, user: str) -> AsyncIterator[Screen]:
    """Somebody whose line does not go through the cable."""
    through_it, application.changes = application.changes, lambda granted: granted
    async with opened(browser, application, user) as screen:
        application.changes = through_it
        yield screen


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_system_that_comes_back_in_the_middle_of_sends_loses_and_doubles_nothing(
    browser: Browser, system: System, how: str
) -> None:
    async with (
        serving(Application(system.ready)) as application,
        opened(browser, application, "ann") as ann,
        opened(browser, application, "bob") as bob,
    ):
        room = await ann.room("bob")
        await bob.until_heard("conversation:updated")
        sending = [asyncio.create_task(many(screen, room, name)) for screen, name in ((ann, "ann"), (bob, "bob"))]
        await bob.until_heard("message:new", 50)
        await getattr(system, how)()
        await ann.until_heard("offline")
        await system.start()
        await asyncio.gather(*sending)
        await both_told_the_same(ann, bob, 300)
        for screen in (ann, bob):
            assert len(await screen.heard("online")) >= 2
            assert len(await screen.heard("sent")) == 150
            assert await screen.heard("failed", "error", "reset") == []


async def many(screen: Screen, room: str, name: str) -> None:
    await screen.do("([room, name]) => sendMany(room, name, 150, 15)", [room, name])


async def both_told_the_same(ann: Screen, bob: Screen, count: int) -> None:
    """Both were told so many messages, in one order, which keeps the order of each."""

    async def all_told() -> bool:
        return min(len(await ann.said()), len(await bob.said())) >= count

    await eventually(all_told, 30)
    said = await ann.said()
    assert said == await bob.said()
    assert [number for number, _ in said] == list(range(1, count + 1))
    for name in ("ann", "bob"):
        numbers = [int(text.removeprefix(name)) for _, text in said if text.startswith(name)]
        assert numbers == list(range(1, count // 2 + 1))


async def test_what_is_said_offline_arrives_once_and_in_order(
    browser: Browser, application: Application, cable: Cable
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        cable.cut()
        await ann.until_heard("offline")
        await ann.do("(room) => { window.sending = sendMany(room, 'ann', 20, 0) }", room)
        assert len(await ann.heard("pending")) == 20
        assert await ann.page.locator("li.pending").count() == 20
        cable.mend()
        assert {answer["level"] for answer in await ann.do("() => sending")} == {"accepted"}
        for screen in (ann, bob):
            await told(screen, [f"ann {number}" for number in range(1, 21)])
        assert await ann.page.locator("li.pending").count() == 0


async def test_what_is_said_offline_outlives_the_page(browser: Browser, application: Application, cable: Cable) -> None:
    ann_, bob_ = users("ann", "bob")
    texts = [f"ann {number}" for number in range(1, 21)]
    async with opened(browser, application, ann_, keeps=1) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        cable.cut()
        await ann.until_heard("offline")
        await ann.do("(room) => { sendMany(room, 'ann', 20, 0) }", room)
        await ann.page.reload()
        await ann.page.wait_for_function("window.ready")
        pending = await ann.until_heard("pending", 20)
        assert [event["data"]["text"] for event in pending] == texts
        cable.mend()
        for screen in (ann, bob):
            await told(screen, texts)
        assert len(await ann.until_heard("sent", 20)) == 20
        assert await ann.do("(key) => localStorage.getItem(key)", f"caas.queue.{ann_}") == "[]"


async def test_a_line_that_died_without_a_word_is_replaced(
    browser: Browser, application: Application, cable: Cable
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened_beside(browser, application, bob_) as bob:
        room = await bob.room(ann_)
        await ann.until_heard("conversation:updated")
        cable.deaden()
        await bob.send(room, "can you hear me?")
        await ann.until_heard("offline")
        assert await ann.texts() == []
        cable.mend()
        await told(ann, ["can you hear me?"])


async def test_a_page_that_comes_back_is_there_and_listens_as_before(
    browser: Browser, application: Application, cable: Cable
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened_beside(browser, application, bob_) as bob:
        await bob.room(ann_)
        await ann.until_heard("conversation:updated")
        await ann.ask("presence:subscribe", users=[bob_])
        await bob.ask("presence:set", status="away")
        await ann.until_heard("presence")
        cable.cut()
        await ann.until_heard("offline")
        await bob.ask("presence:set", status="busy")
        cable.mend()
        await eventually(lambda: last_status(ann, "busy"), 10)
        await bob.ask("presence:set", status="online")
        await eventually(lambda: last_status(ann, "online"), 10)


async def last_status(screen: Screen, status: str) -> bool:
    return bool((await screen.heard("presence"))[-1]["data"]["status"] == status)


async def test_a_lost_push_is_asked_for_before_anything_later_is_told(
    browser: Browser, application: Application
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with (
        opened(browser, application, ann_, script=LOSES) as ann,
        opened(browser, application, bob_) as bob,
    ):
        room = await bob.room(ann_)
        await ann.until_heard("conversation:updated")
        first = await bob.send(room, "1")
        for number in range(2, 6):
            await bob.send(room, str(number))
        await eventually(lambda: ann.do("() => came.includes('sent 5')"))  # an edit may overtake what was sent
        await bob.ask("message:edit", conversation_id=room, message_id=first["message_id"], text="one")
        await ann.until_heard("message:edited")
        assert len(await ann.do("() => lost")) == 1
        events = [
            (event["lane"], event["n"], event["healed"]) for event in await ann.heard("message:new", "message:edited")
        ]
        assert [event[:2] for event in events] == [*(("sent", n) for n in range(1, 6)), ("edited", 1)]
        assert ("sent", 3, True) in events
