"""Presence is pushed to subscribers who may see it, once for all devices, and never longer than it is true."""

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
MIN_INTERVAL_S = 0.1


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten all intervals."""
    monkeypatch.setattr(presence_publisher, "GRACE_S", GRACE_S)
    monkeypatch.setattr(presence_publisher, "RETURN_DELAY_S", MIN_INTERVAL_S)
    monkeypatch.setattr(presence_publisher, "RETRY_INTERVAL_S", 0.05)
    monkeypatch.setattr(presence_publisher, "MIN_INTERVAL_S", MIN_INTERVAL_S)
    monkeypatch.setattr(presence_notifier, "MIN_INTERVAL_S", MIN_INTERVAL_S)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Nodes]:
    """Run a node that never polls, so that only hints notify; and one that polls often."""
    async with nodes(tmp_path, 60_000, 200) as found:
        yield found


def received(who: Person, user: str) -> list[str]:
    """Return the statuses of a user that were pushed to a person, in order."""
    return [frame["data"]["status"] for frame in who.of("presence") if frame["data"]["user_id"] == user]


async def asked(who: Person, *users: str, how: str = "get") -> dict[str, str]:
    """Return the statuses in an answer by user."""
    answer = await who.ask(f"presence:{how}", users=list(users))
    return {one["user_id"]: one["status"] for one in answer["data"]["presences"]}


async def watches_somebody(who: Person, *users: str) -> dict[str, str]:
    return await asked(who, *users, how="subscribe")


async def is_there(who: Person, user: str, status: str) -> dict[str, Any]:
    """Wait until a user has this status."""

    async def found() -> dict[str, Any]:
        answer = await who.ask("presence:get", users=[user])
        (one,) = answer["data"]["presences"]
        assert one["status"] == status
        view: dict[str, Any] = one
        return view

    return await eventually(found)


async def friends(node: Node, *others: str) -> Person:
    """Connect Ann, who is in a room with these."""
    (ann,) = await come(node, "ann")
    await room(ann, *others)
    return ann


# Recipients


async def test_subscriber_is_notified_when_user_comes_online(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    assert await watches_somebody(ann, "ben") == {"ben": "offline"}
    await come(running.all[0], "ben")
    await eventually(lambda: received(ann, "ben") == ["online"])


async def test_disconnected_user_is_offline_after_grace_with_last_seen(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    (ben,) = await come(running.all[0], "ben")
    seen = (await is_there(ann, "ben", "online"))["last_seen"]
    await watches_somebody(ann, "ben")
    ben.go()
    await eventually(lambda: received(ann, "ben") == ["offline"])
    assert ann.of("presence")[0]["data"]["last_seen"] >= seen


async def test_reconnect_within_grace_is_not_notified(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben", "cy")
    (ben,) = await come(running.all[0], "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben", "cy")
    for node in (running.all[0], running.all[1], running.all[0]):
        ben.go()
        (ben,) = await come(node, "ben")
    (cy,) = await come(running.all[0], "cy")
    await eventually(lambda: received(ann, "cy") == ["online"])
    cy.go()
    await eventually(lambda: received(ann, "cy") == ["online", "offline"])
    await is_there(ann, "ben", "online")
    assert received(ann, "ben") == []


async def test_user_who_set_status_and_disconnected_keeps_the_grace_time(
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
    await eventually(lambda: received(ann, "cy") == ["online"])
    await cy.ask("presence:set", status="busy")
    await eventually(lambda: received(ann, "cy")[-1:] == ["busy"])
    assert await asked(ann, "ben") == {"ben": "online"}
    assert received(ann, "ben") == []


async def test_returning_user_sets_status_before_it_is_published(
    running: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_publisher, "GRACE_S", 60.0)
    monkeypatch.setattr(presence_publisher, "RETURN_DELAY_S", 30.0)
    ann = await friends(running.all[0], "ben", "cy")
    (ben,) = await come(running.all[0], "ben")
    await ben.ask("presence:set", status="busy")
    await is_there(ann, "ben", "busy")
    await watches_somebody(ann, "ben", "cy")
    ben.go()
    (ben,) = await come(running.all[0], "ben")
    (cy,) = await come(running.all[0], "cy")
    await eventually(lambda: received(ann, "cy") == ["online"])
    await cy.ask("presence:set", status="away")
    await eventually(lambda: received(ann, "cy")[-1:] == ["away"])
    assert await asked(ann, "ben") == {"ben": "busy"}
    await ben.ask("presence:set", status="busy")
    await is_there(ann, "ben", "busy")
    assert received(ann, "ben") == []


async def test_unsubscribed_session_is_not_notified(running: Nodes) -> None:
    ann, cy = await friends(running.all[0], "ben", "cy"), *(await come(running.all[0], "cy"))
    await watches_somebody(ann, "ben")
    await come(running.all[0], "ben")
    await eventually(lambda: received(ann, "ben") == ["online"])
    assert cy.of("presence") == []


async def test_only_users_with_a_shared_conversation_see_presence(running: Nodes) -> None:
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


async def test_same_name_in_another_tenant_is_another_user(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    await watches_somebody(ann, "ben", "ann")
    await running.all[0].connect(Identity("other", "ben", 4e9), lambda _: None)
    (cy,) = await come(running.all[0], "ann")
    await cy.ask("presence:set", status="busy")
    await eventually(lambda: received(ann, "ann") == ["busy"])
    assert received(ann, "ben") == []


async def test_new_member_is_seen_at_the_next_poll(running: Nodes) -> None:
    ann, ben = await come(running.all[1], "ann", "ben")
    assert await watches_somebody(ann, "ben") == {}
    await room(ann, "ben")
    await eventually(lambda: received(ann, "ben") == ["online"])
    assert ben.of("presence") == []


async def test_removed_member_is_not_notified(running: Nodes) -> None:
    ann, ben, cy = await come(running.all[0], "ann", "ben", "cy")
    here = await room(ann, "ben", "cy")
    await is_there(ben, "ann", "online")
    assert await watches_somebody(ben, "ann") == await watches_somebody(cy, "ann") == {"ann": "online"}
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: ben.lane("conversation", here) == [1, 2])
    await ann.ask("presence:set", status="away")
    await eventually(lambda: received(cy, "ann") == ["away"])
    assert received(ben, "ann") == []
    assert await asked(ben, "ann") == {}


async def test_new_subscription_replaces_the_old(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben", "cy")
    await watches_somebody(ann, "ben")
    assert await watches_somebody(ann, "cy") == {"cy": "offline"}
    await come(running.all[0], "ben", "cy")
    await eventually(lambda: received(ann, "cy") == ["online"])
    await is_there(ann, "ben", "online")
    assert received(ann, "ben") == []


# Many devices


async def test_many_devices_have_one_presence(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    phone, desk = [await Person(node, "ben").come() for node in running.all]
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben")
    await phone.ask("presence:set", status="away")
    await desk.ask("presence:set", status="busy")
    await eventually(lambda: received(ann, "ben") == ["busy"])
    await desk.ask("presence:set", status="online")
    await eventually(lambda: received(ann, "ben") == ["busy", "online"])
    desk.go()
    await eventually(lambda: received(ann, "ben") == ["busy", "online", "away"])
    phone.go()
    await eventually(lambda: received(ann, "ben") == ["busy", "online", "away", "offline"])


async def test_set_presence_returns_what_others_see(running: Nodes) -> None:
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


async def test_concurrent_changes_are_notified_once(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    (ben,) = await come(running.all[1], "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben")
    for n in range(60):
        await ben.say("presence:set", status=("away", "busy")[n % 2])
    await eventually(lambda: received(ann, "ben")[-1:] == ["busy"])
    await is_there(ann, "ben", "busy")
    assert len(received(ann, "ben")) <= 3


async def test_changes_of_one_user_are_published_at_a_limited_rate(running: Nodes) -> None:
    (ben,) = await come(running.all[0], "ben")
    entered, times = running.people.enter, list[float]()
    loop = asyncio.get_running_loop()

    async def enter(*arguments: Any) -> None:
        times.append(loop.time())
        await entered(*arguments)

    running.people.enter = enter  # type: ignore[method-assign]
    statuses = itertools.cycle(("away", "away", "busy", "busy", "online"))

    async def changes() -> None:
        await ben.say("presence:set", status=next(statuses))
        assert len(times) >= 4

    await eventually(changes)
    assert all(later - earlier > 0.9 * MIN_INTERVAL_S for earlier, later in itertools.pairwise(times[1:]))


# Failures


async def test_dead_node_expires_with_its_users(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    dying = await running.another(heartbeat_ms=300)
    await come(dying, "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben")
    assert dying._running is not None
    dying._running.cancel()
    await eventually(lambda: received(ann, "ben") == ["offline"])
    assert ann.of("presence")[0]["data"]["last_seen"] is not None


async def test_users_of_a_stopped_node_stay_online_elsewhere(running: Nodes) -> None:
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
    await eventually(lambda: received(ann, "cy") == ["offline"])
    assert received(ann, "ben") == []


async def test_lost_hint_delays_by_one_heartbeat(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    await watches_somebody(ann, "ben")
    running.world.bus.lose = True
    await come(running.all[0], "ben")
    await eventually(lambda: received(ann, "ben") == ["online"])


async def test_only_presence_is_unavailable_while_its_server_is_down(running: Nodes) -> None:
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
    await eventually(lambda: received(ann, "ben") == ["online"])
    await is_there(ann, "ann", "online")


async def test_user_gone_during_outage_is_offline_after_it(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    (ben,) = await come(running.all[1], "ben")
    await is_there(ann, "ben", "online")
    await watches_somebody(ann, "ben")
    running.people.down = True
    await eventually(lambda: running.world.health.counted["presence_lost"] > 0)
    ben.go()
    running.people.down = False
    await eventually(lambda: received(ann, "ben") == ["offline"])


async def test_users_are_published_again_to_an_emptied_server(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    await come(running.all[1], "ben")
    await is_there(ann, "ben", "online")
    running.people._users.clear()
    running.people._alive_until.clear()
    await is_there(ann, "ben", "online")


async def test_user_gone_during_republication_is_offline(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    (ben,) = await come(running.all[1], "ben")
    await is_there(ann, "ben", "online")
    entered = running.people.enter

    async def enter(node: str, statuses: dict[str, str], now: str) -> None:
        await entered(node, statuses, now)
        if "acme:ben" in statuses:
            ben.go()
            running.all[1]._signals._presence._publisher._users.pop("acme:ben")

    running.people.enter = enter  # type: ignore[method-assign]
    running.people._users.clear()
    running.people._alive_until.clear()
    await is_there(ann, "ben", "offline")


async def test_subscriptions_are_registered_again_at_an_emptied_server(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    await watches_somebody(ann, "ben")
    running.world.presence._held.clear()
    running.world.presence._alive_until.clear()

    async def entered() -> None:
        place = "presence:acme:ben"
        assert (await running.world.presence.nodes([place]))[place] == {"node-1"}

    await eventually(entered)


# Costs


async def test_node_without_subscriptions_receives_no_hints(running: Nodes) -> None:
    ann = await friends(running.all[0], "ben")
    await watches_somebody(ann, "ben")
    published = running.world.bus.publish
    channels: list[str] = []

    async def publish(messages: Any) -> None:
        channels.extend(channel for channel, _ in messages)
        await published(messages)

    running.world.bus.publish = publish  # type: ignore[method-assign]
    await come(running.all[1], "ben", "cy")
    await eventually(lambda: received(ann, "ben") == ["online"])
    assert channels == ["edge:node-0"]


async def test_user_without_subscriptions_is_removed(running: Nodes) -> None:
    ann = await friends(running.all[1], "ben")
    await watches_somebody(ann, "ben", "cy", "dan")
    assert len(running.all[1]._signals._presence._notifier.subscriptions) == 3
    ann.go()

    async def forgotten() -> None:
        assert len(running.all[1]._signals._presence._notifier.subscriptions) == 0
        place = "presence:acme:ben"
        assert (await running.world.presence.nodes([place]))[place] == frozenset()

    await eventually(forgotten)


async def test_disconnected_users_are_removed_from_the_node(running: Nodes) -> None:
    people = await come(running.all[0], *(f"one-{n}" for n in range(20)))
    publisher = running.all[0]._signals._presence._publisher
    await eventually(lambda: len(publisher._users) == 20 and all(one.published for one in publisher._users.values()))
    for one in people:
        one.go()
    await eventually(lambda: len(publisher._users) == 0)


async def test_subscriptions_beyond_the_limit_are_refused(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await friends(running.all[0], "ben")
    monkeypatch.setattr(running.all[0]._signals._presence._notifier.subscriptions, "_limit", 2)
    await watches_somebody(ann, "ben", "cy")
    (eve,) = await come(running.all[0], "eve")
    assert (await eve.ask("presence:subscribe", users=["ben"]))["error"]["code"] == "unavailable"
    assert await watches_somebody(ann, "cy") == {}
    assert await watches_somebody(eve, "ben") == {}


@pytest.mark.parametrize("kind", ["get", "subscribe"])
async def test_request_for_more_than_a_hundred_users_is_refused(running: Nodes, kind: str) -> None:
    (ann,) = await come(running.all[0], "ann")
    answer = await ann.ask(f"presence:{kind}", users=[f"u{n}" for n in range(101)])
    assert answer["error"]["code"] == "validation_failed"
    assert "error" not in await ann.ask(f"presence:{kind}", users=[f"u{n}" for n in range(100)])


def test_node_has_room_for_a_million_subscriptions() -> None:
    assert presence_subscriptions.MAX_SUBSCRIPTIONS == 1_000_000
