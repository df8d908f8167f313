"""Each key is due once, at the earliest time set for it."""

import asyncio

from edge.socket.keyed_timers import KeyedTimers


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_keys_of_one_moment_are_returned_together_in_time_order() -> None:
    alarms: KeyedTimers[str] = KeyedTimers()
    alarms.at("second", now() - 1)
    alarms.at("first", now() - 2)
    alarms.at("later", now() + 60)
    assert await alarms.due() == ["first", "second"]
    assert len(alarms) == 1


async def test_key_is_returned_once_at_its_earliest_time() -> None:
    alarms: KeyedTimers[str] = KeyedTimers()
    alarms.at("a", now() + 60)
    alarms.at("a", now() + 0.05)
    alarms.at("a", now() + 30)
    assert await alarms.due() == ["a"]
    assert len(alarms) == 0


async def test_waiter_is_woken_for_an_earlier_key() -> None:
    alarms: KeyedTimers[str] = KeyedTimers()
    alarms.at("later", now() + 60)
    waiting = asyncio.create_task(alarms.due())
    await asyncio.sleep(0)
    alarms.at("now", now())
    assert await asyncio.wait_for(waiting, 5) == ["now"]


async def test_key_taken_earlier_is_not_returned_again() -> None:
    alarms: KeyedTimers[str] = KeyedTimers()
    alarms.at("a", now() + 0.1)
    alarms.at("a", now())
    assert await alarms.due() == ["a"]
    alarms.at("b", now() + 0.2)
    assert await alarms.due() == ["b"]


async def test_key_set_again_is_returned_again() -> None:
    alarms: KeyedTimers[str] = KeyedTimers()
    for _ in range(3):
        alarms.at("a", now())
        assert await alarms.due() == ["a"]
