"""A reader wakes for its own topics only."""

import asyncio

from streams.log.end_notifier import EndNotifier


async def test_those_who_wait_for_a_topic_are_woken() -> None:
    notifier, woken = EndNotifier(), []

    async def wait(name: str, *topics: str) -> None:
        await notifier.wait(topics)
        woken.append(name)

    tasks = [
        asyncio.create_task(wait("first", "message.sent", "user.action")),
        asyncio.create_task(wait("second", "user.action")),
        asyncio.create_task(wait("third", "message.sent")),
    ]
    await asyncio.sleep(0)
    notifier.notify({"message.delivered"})
    await asyncio.sleep(0)
    assert woken == []
    notifier.notify(("message.sent",))
    await asyncio.gather(tasks[0], tasks[2])
    assert woken == ["first", "third"]
    notifier.notify()
    await tasks[1]
    assert woken == ["first", "third", "second"]


async def test_waiter_that_was_cancelled_is_forgotten() -> None:
    notifier = EndNotifier()
    waiting = asyncio.create_task(notifier.wait(("message.sent",)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    notifier.notify(("user.action",))
    assert notifier._waiting == []
