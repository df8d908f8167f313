"""Who is there: told to those who asked and may know, once for all devices, and never for longer than it is true."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.identity import Identity
from edge.socket.node import Node
from edge.socket.presence import presence_notifier, presence_publisher, presence_subscriptions
from tests.edge.socket.asking import come
from tests.edge.socket.nodes import Nodes, nodes
from tests.edge.socket.world import Person, room, send
from tests.eventually import eventually

GRACE_S = 0.3
APART_S = 0.1


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything as ever, in less time."""
    monkeypatch.setattr(presence_publisher, "GRACE_S", GRACE_S)
    monkeypatch.setattr(presence_publisher, "BACK_S", APART_S)
    monkeypatch.setattr(presence_publisher, "AGAIN_S", 0.05)
    monkeypatch.setattr(presence_publisher, "APART_S", APART_S)
    monkeypatch.setattr(presence_notifier, "APART_S", APART_S)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Nodes]:
    """A node that looks never, so that hints alone tell; and one that looks often."""
    async with nodes(tmp_path, 60_000, 200) as found:
        yield found


def told(who: Person, user: str) -> list[str]:
    """What somebody was told of a user, in order."""
    return [frame["data"]["status"] for frame in who.of("presence") if frame["data"]["user_id"] == user]


async def asked(who: Person, *users: str, how: str = "get") -> dict[str, str]:
    """Status by user, of those who are told."""
    answer = await who.ask(f"presence:{how}", users=list(users))
    return {one["user_id"]: one["status"] for one in answer["data"]["presences"]}


async def watches_somebody(who: Person, *users: str) -> dict[str, str]:
    return await asked(who, *users, how="subscribe")


async def is_there(who: Person, user: str, status: str) -> dict[str, Any]:
    """How a user is, as soon as it is so."""

    async def found() -> dict[str, Any]:
        answer = await who.ask("presence:get", users=[user])
        (one,) = answer["data"]["presences"]
        assert one["status"] == status
        view: dict[str, Any] = one
        return view

    return await eventually(found)


async def friends(node: Node, *others: str) -> Person:
    """Ann, who is in a room with these."""
    (ann,) = await come(node, "ann")
    await room(ann, *others)
    return ann


# Who is told


async def test_who_watches_is_told_that_somebody_came(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    assert await watches_somebody(ann, "ben") == {"ben": "offline"}
    await come(running.all[0], "ben")
    await eventually(lambda: told(ann, "ben") == ["online"])


async def test_who_goes_is_offline_after_a_while_and_was_last_seen_then(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    (ben,) = await come(running.all[0], "ben")
    seen = (await is_there(ann, "ben", "online"))["last_seen"]
    await watches_somebody(ann, "ben")
    ben.go()
    await eventually(lambda: told(ann, "ben") == ["offline"])
    assert ann.of("presence")[0]["data"]["last_seen"] >= seen


async def test_a_line_that_breaks_and_comes_back_is_no_news(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben", "cy")
    (ben,) = await come(running.all[0], "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben", "cy")
    for node in (running.all[0], running.all[1], running.all[0]):
        ben.go()
        (ben,) = await come(node, "ben")
    (cy,) = await come(running.all[0], "cy")
    await eventually(lambda: told(ann, "cy") == ["online"])
    cy.go()
    await eventually(lambda: told(ann, "cy") == ["online", "offline"])
    await is_there(ann, "ben", "online")
    assert told(ann, "ben") == []


async def test_whoever_said_something_and_lost_the_line_has_their_time_all_the_same(
    running: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_publisher, "GRACE_S", 60.0)
    ann = await friends(running.all[0], "ben", "cy")
    (ben,) = await come(running.all[0], "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben", "cy")
    await ben.ask("presence:set", status="online")
    ben.go()
    (cy,) = await come(running.all[0], "cy")
    await eventually(lambda: told(ann, "cy") == ["online"])
    await cy.ask("presence:set", status="busy")
    await eventually(lambda: told(ann, "cy")[-1:] == ["busy"])
    assert await asked(ann, "ben") == {"ben": "online"}
    assert told(ann, "ben") == []


async def test_who_comes_back_in_time_says_how_they_are_before_it_is_told(
    running: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_publisher, "GRACE_S", 60.0)
    monkeypatch.setattr(presence_publisher, "BACK_S", 30.0)
    ann = await friends(running.all[0], "ben", "cy")
    (ben,) = await come(running.all[0], "ben")
    await ben.ask("presence:set", status="busy")
    await is_there(ann, "ben", "busy")
    await watches_somebody(ann, "ben", "cy")
    ben.go()
    (ben,) = await come(running.all[0], "ben")
    (cy,) = await come(running.all[0], "cy")
    await eventually(lambda: told(ann, "cy") == ["online"])
    await cy.ask("presence:set", status="away")
    await eventually(lambda: told(ann, "cy")[-1:] == ["away"])
    assert await asked(ann, "ben") == {"ben": "busy"}
    await ben.ask("presence:set", status="busy")
    await is_there(ann, "ben", "busy")
    assert told(ann, "ben") == []


async def test_nobody_is_told_who_did_not_ask(running: Nodes) -> None:
    ann, cy = await friends(running.all[0], "ben", "cy"), *(await come(running.all[0], "cy"))
    await watches_somebody(ann, "ben")
    await come(running.all[0], "ben")
    await eventually(lambda: told(ann, "ben") == ["online"])
    assert cy.of("presence") == []


async def test_only_who_shares_a_conversation_may_see_somebody(running: Nodes) -> None:
    await friends(running.all[0], "ben")
    (eve,) = await come(running.all[0], "eve")
    await is_there(eve, "eve", "online")
    assert await asked(eve, "ann", "ben", "nobody", "eve") == {"eve": "online"}
    assert await watches_somebody(eve, "ann", "ben") == {}
    await come(running.all[0], "ben")
    (fay,) = await come(running.all[0], "fay")
    await room(fay, "ben")
    await watches_somebody(fay, "ben")
    await is_there(fay, "ben", "online")
    assert eve.of("presence") == []


async def test_a_user_of_that_name_elsewhere_is_somebody_else(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    await watches_somebody(ann, "ben", "ann")
    await running.all[0].connect(Identity("other", "ben", 4e9), lambda _: None)
    (cy,) = await come(running.all[0], "ann")
    await cy.ask("presence:set", status="busy")
    await eventually(lambda: told(ann, "ann") == ["busy"])
    assert told(ann, "ben") == []


async def test_who_comes_into_a_conversation_is_seen_with_the_next_look(running: Nodes) -> None:
    ann, ben = await come(running.all[1], "ann", "ben")
    assert await watches_somebody(ann, "ben") == {}
    await room(ann, "ben")
    await eventually(lambda: told(ann, "ben") == ["online"])
    assert ben.of("presence") == []


async def test_who_is_shown_out_is_told_no_more(running: Nodes) -> None:
    ann, ben, cy = await come(running.all[0], "ann", "ben", "cy")
    here = await room(ann, "ben", "cy")
    await is_there(ben, "ann", "online")
    assert await watches_somebody(ben, "ann") == await watches_somebody(cy, "ann") == {"ann": "online"}
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: ben.lane("conversation", here) == [1, 2])
    await ann.ask("presence:set", status="away")
    await eventually(lambda: told(cy, "ann") == ["away"])
    assert told(ben, "ann") == []
    assert await asked(ben, "ann") == {}


async def test_who_subscribes_again_is_told_of_those_alone(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben", "cy")
    await watches_somebody(ann, "ben")
    assert await watches_somebody(ann, "cy") == {"cy": "offline"}
    await come(running.all[0], "ben", "cy")
    await eventually(lambda: told(ann, "cy") == ["online"])
    await is_there(ann, "ben", "online")
    assert told(ann, "ben") == []


# Many devices


async def test_many_devices_are_one_presence(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    phone, desk = [await Person(node, "ben").come() for node in running.all]
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben")
    await phone.ask("presence:set", status="away")
    await desk.ask("presence:set", status="busy")
    await eventually(lambda: told(ann, "ben") == ["busy"])
    await desk.ask("presence:set", status="online")
    await eventually(lambda: told(ann, "ben") == ["busy", "online"])
    desk.go()
    await eventually(lambda: told(ann, "ben") == ["busy", "online", "away"])
    phone.go()
    await eventually(lambda: told(ann, "ben") == ["busy", "online", "away", "offline"])


async def test_who_says_how_they_are_is_told_what_others_see(running: Nodes) -> None:
    phone, desk = [await Person(node, "ann").come() for node in running.all]
    (eve,) = await come(running.all[0], "eve")
    await eve.ask("presence:set", status="busy")
    await is_there(eve, "eve", "busy")
    assert (await eve.ask("presence:set", status="away"))["data"]["status"] == "away"
    await is_there(phone, "ann", "online")
    assert (await phone.ask("presence:set", status="away"))["data"]["status"] in {"away", "online"}
    assert (await desk.ask("presence:set", status="busy"))["data"]["status"] == "busy"
    await is_there(desk, "ann", "busy")
    assert (await phone.ask("presence:set", status="away"))["data"]["status"] == "busy"


async def test_many_changes_of_a_moment_are_told_once(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    (ben,) = await come(running.all[1], "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben")
    for n in range(60):
        await ben.say("presence:set", status=("away", "busy")[n % 2])
    await eventually(lambda: told(ann, "ben")[-1:] == ["busy"])
    await is_there(ann, "ben", "busy")
    assert len(told(ann, "ben")) <= 3


async def test_a_change_of_one_person_is_told_to_the_server_only_once_in_a_while(running: Nodes) -> None:
    (ben,) = await come(running.all[0], "ben")
    entered, times = running.people.enter, list[float]()
    loop = asyncio.get_running_loop()

    async def enter(*told: Any) -> None:
        times.append(loop.time())
        await entered(*told)

    running.people.enter = enter  # type: ignore[method-assign]
    statuses = itertools.cycle(("away", "away", "busy", "busy", "online"))

    async def changes() -> None:
        await ben.say("presence:set", status=next(statuses))
        assert len(times) >= 4

    await eventually(changes)
    assert all(later - earlier > 0.9 * APART_S for earlier, later in itertools.pairwise(times[1:]))


# What goes wrong


async def test_a_node_that_dies_is_forgotten_and_its_people_with_it(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    dying = await running.another(heartbeat_ms=300)
    await come(dying, "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben")
    assert dying._running is not None
    dying._running.cancel()
    await eventually(lambda: told(ann, "ben") == ["offline"])
    assert ann.of("presence")[0]["data"]["last_seen"] is not None


async def test_people_of_a_node_that_stops_are_there_where_they_go(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben", "cy")
    going = await running.another()
    ben, cy = await come(going, "ben", "cy")
    await is_there(ann, "cy", "online")
    await watches_somebody(ann, "ben", "cy")
    ben.go()
    cy.go()
    (ben,) = await come(running.all[0], "ben")
    await is_there(ann, "ben", "online")
    await going.stop()
    await eventually(lambda: told(ann, "cy") == ["offline"])
    assert told(ann, "ben") == []


async def test_a_hint_that_was_lost_costs_one_heartbeat(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    await watches_somebody(ann, "ben")
    running.world.bus.lose = True
    await come(running.all[0], "ben")
    await eventually(lambda: told(ann, "ben") == ["online"])


async def test_while_its_server_is_down_presence_is_unavailable_and_nothing_else(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    here = await room(ann, "ben")
    await watches_somebody(ann, "ben")
    running.people.down = True
    (ben,) = await come(running.all[1], "ben")
    await eventually(lambda: running.world.health.counted["presence_lost"] > 0)
    for kind, data in (("get", {"users": ["ben"]}), ("set", {"status": "busy"}), ("subscribe", {"users": ["cy"]})):
        assert (await ann.ask(f"presence:{kind}", **data))["error"]["code"] == "unavailable"
    await send(ann, here, "hi")
    await eventually(lambda: ben.texts() == ["hi"])
    running.people.down = False
    await eventually(lambda: told(ann, "ben") == ["online"])
    await is_there(ann, "ann", "online")


async def test_who_went_while_the_server_was_down_is_not_there_when_it_is_back(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    (ben,) = await come(running.all[1], "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben")
    running.people.down = True
    await eventually(lambda: running.world.health.counted["presence_lost"] > 0)
    ben.go()
    running.people.down = False
    await eventually(lambda: told(ann, "ben") == ["offline"])


async def test_a_server_that_lost_its_memory_is_told_everyone_again(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    await come(running.all[1], "ben")
    await is_there(ann, "ben", "online")
    running.people._people.clear()
    running.people._alive_until.clear()
    await is_there(ann, "ben", "online")


async def test_who_goes_while_they_are_entered_again_is_not_left_behind(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    (ben,) = await come(running.all[1], "ben")
    await is_there(ann, "ben", "online")
    entered = running.people.enter

    async def enter(node: str, statuses: dict[str, str], now: str) -> None:
        await entered(node, statuses, now)
        if "acme:ben" in statuses:
            ben.go()
            running.all[1]._signals._people._attendance._persons.pop("acme:ben")

    running.people.enter = enter  # type: ignore[method-assign]
    running.people._people.clear()
    running.people._alive_until.clear()
    await is_there(ann, "ben", "offline")


async def test_a_server_of_nodes_that_lost_its_memory_is_told_again_whom_a_node_watches(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    await watches_somebody(ann, "ben")
    running.world.presence._held.clear()
    running.world.presence._alive_until.clear()

    async def entered() -> None:
        place = "presence:acme:ben"
        assert (await running.world.presence.nodes([place]))[place] == {"node-1"}

    await eventually(entered)


# What it costs


async def test_nodes_where_nobody_watches_hear_nothing(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    await watches_somebody(ann, "ben")
    published = running.world.bus.publish
    channels: list[str] = []

    async def publish(messages: Any) -> None:
        channels.extend(channel for channel, _ in messages)
        await published(messages)

    running.world.bus.publish = publish  # type: ignore[method-assign]
    await come(running.all[1], "ben", "cy")
    await eventually(lambda: told(ann, "ben") == ["online"])
    assert channels == ["edge:node-0"]


async def test_who_is_watched_no_more_is_forgotten(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    await watches_somebody(ann, "ben", "cy", "dan")
    assert len(running.all[1]._signals._people._watching.watches) == 3
    ann.go()

    async def forgotten() -> None:
        assert len(running.all[1]._signals._people._watching.watches) == 0
        place = "presence:acme:ben"
        assert (await running.world.presence.nodes([place]))[place] == frozenset()

    await eventually(forgotten)


async def test_whoever_is_gone_is_no_longer_kept_by_the_node(running: Nodes) -> None:
    people = await come(running.all[0], *(f"one-{n}" for n in range(20)))
    attending = running.all[0]._signals._people._attendance
    await eventually(lambda: len(attending._persons) == 20 and all(one.told for one in attending._persons.values()))
    for one in people:
        one.go()
    await eventually(lambda: len(attending._persons) == 0)


async def test_more_is_not_watched_than_there_is_room_for(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await friends(running.all[0], "ben")
    monkeypatch.setattr(running.all[0]._signals._people._watching.watches, "_most", 2)
    await watches_somebody(ann, "ben", "cy")
    (eve,) = await come(running.all[0], "eve")
    assert (await eve.ask("presence:subscribe", users=["ben"]))["error"]["code"] == "unavailable"
    assert await watches_somebody(ann, "cy") == {}
    assert await watches_somebody(eve, "ben") == {}


@pytest.mark.parametrize("kind", ["get", "subscribe"])
async def test_of_more_than_a_hundred_nobody_asks(running: Nodes, kind: str) -> None:
    (ann,) = await come(running.all[0], "ann")
    answer = await ann.ask(f"presence:{kind}", users=[f"u{n}" for n in range(101)])
    assert answer["error"]["code"] == "validation_failed"
    assert "error" not in await ann.ask(f"presence:{kind}", users=[f"u{n}" for n in range(100)])


def test_a_node_watches_a_million() -> None:
    assert presence_subscriptions.MOST == 1_000_000
