"""Whatever happens to a line and a node, every message arrives once, and in the order in which it was sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser

from tests.browser.application import Application, serving
from tests.browser.cable import Cable
from tests.browser.screen import Screen, opened
from tests.browser.system import System
from tests.browser.test_talking import receives, users
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

LOSES = """
    // The page's own WebSocket, but the first push of lane `sent` with the number 3 is lost.
    window.lost = [];
    window.arrived = [];
    window.WebSocket = class extends WebSocket {
        addEventListener(type, listener) {
            super.addEventListener(type, (event) => {
                const {lane, n} = type === "message" ? JSON.parse(event.data) : {};
                if (lane === "sent" && n === 3 && lost.length === 0) lost.push(event.data);
                else listener(event);
                arrived.push(`${lane} ${n}`);
            });
        }
    };
"""


@asynccontextmanager
async def opened_beside(browser: Browser, application: Application, user: str) -> AsyncIterator[Screen]:
    """Open a page whose line does not go through the cable."""
    through_it, application.changes = application.changes, lambda granted: granted
    async with opened(browser, application, user) as screen:
        application.changes = through_it
        yield screen


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_restart_during_sends_causes_no_loss_and_no_duplicates(
    browser: Browser, system: System, how: str
) -> None:
    async with (
        serving(Application(system.ready)) as application,
        opened(browser, application, "ann") as ann,
        opened(browser, application, "bob") as bob,
    ):
        room = await ann.room("bob")
        await bob.until_received("conversation:updated")
        sending = [asyncio.create_task(many(screen, room, name)) for screen, name in ((ann, "ann"), (bob, "bob"))]
        await bob.until_received("message:new", 50)
        await getattr(system, how)()
        await ann.until_received("offline")
        await system.start()
        await asyncio.gather(*sending)
        await both_receive_the_same(ann, bob, 300)
        for screen in (ann, bob):
            assert len(await screen.received("online")) >= 2
            assert len(await screen.received("sent")) == 150
            assert await screen.received("failed", "error", "reset") == []


async def many(screen: Screen, room: str, name: str) -> None:
    await screen.do("([room, name]) => sendMany(room, name, 150, 15)", [room, name])


async def both_receive_the_same(ann: Screen, bob: Screen, count: int) -> None:
    """Wait until both received `count` messages, in one order that keeps the order of each sender."""

    async def all_received() -> bool:
        return min(len(await ann.said()), len(await bob.said())) >= count

    await eventually(all_received, 30)
    said = await ann.said()
    assert said == await bob.said()
    assert [number for number, _ in said] == list(range(1, count + 1))
    for name in ("ann", "bob"):
        numbers = [int(text.removeprefix(name)) for _, text in said if text.startswith(name)]
        assert numbers == list(range(1, count // 2 + 1))


async def test_messages_sent_offline_arrive_once_and_in_order(
    browser: Browser, application: Application, cable: Cable
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        cable.cut()
        await ann.until_received("offline")
        await ann.do("(room) => { window.sending = sendMany(room, 'ann', 20, 0) }", room)
        assert len(await ann.received("pending")) == 20
        assert await ann.page.locator("li.pending").count() == 20
        cable.mend()
        assert {answer["level"] for answer in await ann.do("() => sending")} == {"accepted"}
        for screen in (ann, bob):
            await receives(screen, [f"ann {number}" for number in range(1, 21)])
        assert await ann.page.locator("li.pending").count() == 0


async def test_messages_sent_offline_survive_a_reload(browser: Browser, application: Application, cable: Cable) -> None:
    ann_, bob_ = users("ann", "bob")
    texts = [f"ann {number}" for number in range(1, 21)]
    async with opened(browser, application, ann_, keeps=1) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        cable.cut()
        await ann.until_received("offline")
        await ann.do("(room) => { sendMany(room, 'ann', 20, 0) }", room)
        await ann.page.reload()
        await ann.page.wait_for_function("window.ready")
        pending = await ann.until_received("pending", 20)
        assert [event["data"]["text"] for event in pending] == texts
        cable.mend()
        for screen in (ann, bob):
            await receives(screen, texts)
        assert len(await ann.until_received("sent", 20)) == 20
        assert await ann.do("(key) => localStorage.getItem(key)", f"caas.queue.{ann_}") == "[]"


async def test_silently_dead_line_is_replaced(browser: Browser, application: Application, cable: Cable) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened_beside(browser, application, bob_) as bob:
        room = await bob.room(ann_)
        await ann.until_received("conversation:updated")
        cable.deaden()
        await bob.send(room, "can you hear me?")
        await ann.until_received("offline")
        assert await ann.texts() == []
        cable.mend()
        await receives(ann, ["can you hear me?"])


async def test_presence_and_subscriptions_are_restored_on_reconnect(
    browser: Browser, application: Application, cable: Cable
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened_beside(browser, application, bob_) as bob:
        await bob.room(ann_)
        await ann.until_received("conversation:updated")
        await ann.ask("presence:subscribe", users=[bob_])
        await bob.ask("presence:set", status="away")
        await ann.until_received("presence")
        cable.cut()
        await ann.until_received("offline")
        await bob.ask("presence:set", status="busy")
        cable.mend()
        await eventually(lambda: last_status(ann, "busy"), 10)
        await bob.ask("presence:set", status="online")
        await eventually(lambda: last_status(ann, "online"), 10)


async def last_status(screen: Screen, status: str) -> bool:
    return bool((await screen.received("presence"))[-1]["data"]["status"] == status)


async def test_lost_push_is_recovered_before_later_events(browser: Browser, application: Application) -> None:
    ann_, bob_ = users("ann", "bob")
    async with (
        opened(browser, application, ann_, script=LOSES) as ann,
        opened(browser, application, bob_) as bob,
    ):
        room = await bob.room(ann_)
        await ann.until_received("conversation:updated")
        first = await bob.send(room, "1")
        for number in range(2, 6):
            await bob.send(room, str(number))
        await eventually(lambda: ann.do("() => arrived.includes('sent 5')"))  # an edit may overtake sends
        await bob.ask("message:edit", conversation_id=room, message_id=first["message_id"], text="one")
        await ann.until_received("message:edited")
        assert len(await ann.do("() => lost")) == 1
        events = [
            (event["lane"], event["n"], event["healed"])
            for event in await ann.received("message:new", "message:edited")
        ]
        assert [event[:2] for event in events] == [*(("sent", n) for n in range(1, 6)), ("edited", 1)]
        assert ("sent", 3, True) in events
