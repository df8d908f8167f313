"""Users in real browsers chat with each other and with a Python program."""

import json
import uuid

import pytest
from playwright.async_api import Browser

from edge.sdk.python.caas_client import Client, MessageNew
from tests.browser.application import Application, serving
from tests.browser.screen import Screen, opened
from tests.e2e.up import Up, running
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

COUNTS = """
    window.tried = 0;
    window.WebSocket = class extends WebSocket {
        constructor(...given) {
            super(...given);
            tried += 1;
        }
    };
"""


def users(*names: str) -> list[str]:
    """Return user ids that no other test uses."""
    mark = uuid.uuid4().hex[:8]
    return [f"{name}-{mark}" for name in names]


async def receives(screen: Screen, texts: list[str]) -> None:
    """Wait until the page has received these messages, in this order, each once."""

    async def all_received() -> bool:
        return len(await screen.texts()) >= len(texts)

    await eventually(all_received, 30)
    assert await screen.said() == list(enumerate(texts, 1))


async def test_two_pages_talk(browser: Browser, application: Application) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        await bob.until_received("conversation:updated")
        first = await ann.send(room, "Noodles at noon? 🍜")
        answer = await bob.do("([room, to]) => client.send(room, 'Yes', {replyTo: to})", [room, first["message_id"]])
        assert (first["level"], answer["level"]) == ("accepted", "accepted")
        for screen in (ann, bob):
            await receives(screen, ["Noodles at noon? 🍜", "Yes"])
        assert (await ann.received("message:new"))[1]["data"]["reply_to"] == first["message_id"]
        assert [event["healed"] for event in await bob.received("message:new")] == [False, False]
        assert await ann.do("() => client.positions()") == {room: {"conversation": 1, "sent": 2}}


async def test_page_sends_the_longest_text_and_removes_a_caption(browser: Browser, application: Application) -> None:
    ann_, bob_ = users("ann", "bob")
    file = {"media_id": "b5f5c6a0-0000-4000-8000-00000000000a"}
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        assert (await ann.send(room, "🍜" * 20_000))["level"] == "accepted"
        await receives(bob, ["🍜" * 20_000])
        said = await ann.do("([room, file]) => client.send(room, 'see', {attachments: [file]})", [room, file])
        await receives(bob, ["🍜" * 20_000, "see"])
        await ann.ask("message:edit", conversation_id=room, message_id=said["message_id"], text=None)
        (edited,) = await bob.until_received("message:edited")
        assert (edited["data"]["text"], edited["data"]["attachments"]) == (None, [file])


async def test_invalid_commands_fail_and_valid_ones_are_sent(browser: Browser, application: Application) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        codes = await ann.do(
            """async (room) => {
                let deep = 1;
                for (let level = 0; level < 1500; level += 1) deep = {deep};
                const say = (text, metadata) =>
                    client.send(room, text, {metadata}).then(() => "sent", ({code}) => code);
                return Promise.all([
                    say("half", {"k\\ud800": "\\udc00"}), say("deep", deep),
                    say("33 deep", nested(33)), say("NaN", {a: NaN}), say("whole", {a: 1}),
                ]);
                function nested(levels) { return levels > 1 ? {a: nested(levels - 1)} : {}; }
            }""",
            room,
        )
        assert codes == ["sent", "validation_failed", "validation_failed", "validation_failed", "sent"]
        await receives(bob, ["half", "whole"])
        assert (await bob.received("message:new"))[0]["data"]["metadata"] == {"k\ufffd": "\ufffd"}


async def test_page_begins_at_given_positions_at_the_beginning_or_now(
    browser: Browser, application: Application
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, bob_) as bob:
        async with opened(browser, application, ann_) as ann:
            room = await ann.room(bob_)
            await ann.send(room, "1")
            await receives(ann, ["1"])
            positions = await ann.do("() => client.positions()")
        await bob.send(room, "2")
        await receives(bob, ["1", "2"])
        async with opened(browser, application, ann_) as ann:
            await bob.send(room, "3")
            await ann.until_received("message:new")
            assert await ann.said() == [(3, "3")]
        for begin, numbers in ((positions, [2, 3]), ({}, [1, 2, 3])):
            async with opened(browser, application, ann_, positions=json.dumps(begin)) as ann:
                await ann.until_received("message:new", len(numbers))
                assert [number for number, _ in await ann.said()] == numbers


async def test_message_is_shown_as_pending_before_it_is_sent(browser: Browser, application: Application) -> None:
    (ann_,) = users("ann")
    async with opened(browser, application, ann_) as ann:
        room = await ann.room()
        await ann.do("(room) => client.send(room, 'hello', {clientMsgId: 'k1'})", room)
        await receives(ann, ["hello"])
        mine = await ann.received("pending", "sent", "failed")
        assert [(event["type"], event["clientMsgId"], event["conversationId"]) for event in mine] == [
            ("pending", "k1", room),
            ("sent", "k1", room),
        ]
        (pushed,) = await ann.received("message:new")
        assert (pushed["data"]["client_msg_id"], pushed["data"]["message_id"]) == (
            "k1",
            mine[1]["answer"]["message_id"],
        )


async def test_pages_receive_cursors_typing_and_presence(browser: Browser, application: Application) -> None:
    ann_, bob_ = users("ann", "bob")
    async with (
        opened(browser, application, ann_) as ann,
        opened(browser, application, bob_, device="phone") as bob,
        opened(browser, application, bob_) as desk,
    ):
        room = await ann.room(bob_)
        await bob.until_received("conversation:updated")
        await ann.send(room, "here?")
        await eventually(lambda: reached(ann, [(bob_, 0, 1)]), 20)
        await ann.ask("presence:subscribe", users=[bob_])
        await bob.ask("presence:set", status="busy")
        (busy,) = await ann.until_received("presence")
        assert (busy["data"]["user_id"], busy["data"]["status"]) == (bob_, "busy")
        await bob.ask("typing:start", conversation_id=room)
        (typing,) = await ann.until_received("typing")
        assert (typing["data"]["user_id"], typing["data"]["typing"]) == (bob_, True)
        await bob.ask("message:read", conversation_id=room, seq=1)
        await eventually(lambda: reached(ann, [(bob_, 0, 1), (bob_, 1, 1)]), 20)
        (read,) = await desk.until_received("inbox:changed")
        assert (read["lane"], read["n"], read["data"]["read"]) == ("user", 1, 1)
        assert (await desk.do("() => client.positions()"))["user"] == {"user": 1}


async def reached(screen: Screen, cursors: list[tuple[str, int, int]]) -> bool:
    """Return whether the page received these cursors, in this order: `(user, read_seq, delivered_seq)`."""
    every = [one for event in await screen.received("cursors:moved") for one in event["data"]["cursors"]]
    found = [(one["user_id"], one["read_seq"], one["delivered_seq"]) for one in every]
    return list(dict.fromkeys(found)) == cursors


async def test_rejection_rejects_the_promise_and_is_an_event(browser: Browser, application: Application) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room()
        rejected = "(room) => client.send(room, 'let me in').catch(({name, code}) => ({name, code}))"
        assert await bob.do(rejected, room) == {"name": "CommandError", "code": "not_a_participant"}
        (failed,) = await bob.received("failed")
        assert failed["error"]["code"] == "not_a_participant"
        large = "(room) => client.send(room, 'é'.repeat(300_000)).catch(({code}) => code)"
        assert await ann.do(large, room) == "too_large"
        assert (await ann.send(room, "the line is still there"))["level"] == "accepted"


async def test_python_program_and_page_talk(browser: Browser, application: Application, up: Up) -> None:
    ann_, bot_ = users("ann", "bot")
    texts = [f"{name} {number}" for number in range(10) for name in ("ann", "bot")]
    async with (
        opened(browser, application, ann_) as ann,
        Client(up.socket_url, up.token(bot_)) as bot,
    ):
        room = await ann.room(bot_)
        for number in range(10):
            await ann.send(room, f"ann {number}")
            await bot.send(room, f"bot {number}")
        await receives(ann, texts)
        received: list[str | None] = []
        async for event in bot.events():
            if isinstance(event, MessageNew):
                received.append(event.message.text)
            if len(received) == len(texts):
                break
        assert received == texts


async def test_expired_token_is_replaced_and_no_message_is_missed(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(tmp_path_factory.mktemp("short"), {"CAAS_TOKEN_TTL_S": "2"}) as up:
        async with serving(Application(up.ready)) as application:
            application.changes = lambda granted: {name: granted[name] for name in ("token", "socket_urls")}
            async with (
                opened(browser, application, "ann") as ann,
                opened(browser, application, "bob", script=COUNTS) as bob,
            ):
                room = await ann.room("bob")
                await ann.do("(room) => sendMany(room, 'ann', 60, 100)", room)
                texts = [f"ann {number}" for number in range(1, 61)]
                await receives(ann, texts)
                await receives(bob, texts)
                lines = len(await bob.received("online"))
                assert lines >= 3
                assert application.tokens.count("bob") >= lines
                assert await bob.do("() => tried") <= lines + 1  # no attempt with an expired token


async def test_refused_client_reports_it_and_does_not_reconnect(browser: Browser, application: Application) -> None:
    application.changes = lambda granted: {**granted, "token": "no token at all"}
    async with opened(browser, application, "ann") as ann:
        assert await ann.do("() => hello.catch(({name, code}) => [name, code])") == ["Refused", 4501]
        assert await ann.do("() => client.send('room', 'text').catch(({name, code}) => [name, code])") == [
            "Refused",
            4501,
        ]
        await eventually(lambda: ended(ann, "Refused 4501"))
    assert application.tokens == ["ann"]


async def ended(screen: Screen, how: str) -> bool:
    return bool(await screen.do("() => ended") == how)


async def test_stopped_client_ends_its_events(browser: Browser, application: Application) -> None:
    (ann_,) = users("ann")
    async with opened(browser, application, ann_) as ann:
        room = await ann.room()
        stop = "(room) => { const said = client.send(room, 'x'); client.stop(); return said.catch(({code}) => code) }"
        assert await ann.do(stop, room) == 1000
        await eventually(lambda: ended(ann, "stopped"))
        assert await ann.do("() => client.connected") is False


async def test_token_of_another_user_ends_a_client_before_it_sends(
    browser: Browser, application: Application, up: Up
) -> None:
    ann_, eve_ = users("ann", "eve")
    application.changes = lambda granted: {**granted, "token": up.token(ann_)}
    async with opened(browser, application, eve_) as eve:
        assert await eve.do("() => hello.catch(({name, message}) => [name, message])") == [
            "Refused",
            f"refused with 0: the token is of {ann_}, not of {eve_}",
        ]


async def opened_directly(screen: Screen, other: str) -> str:
    """Create a direct conversation; return its id."""
    direct = {"kind": "direct", "participants": [other]}
    answer = await screen.do("(direct) => client.ask('conversation:create', direct)", direct)
    room: str = answer["conversation_id"]
    return room


async def test_message_brings_back_a_user_who_left_a_direct_conversation(
    browser: Browser, application: Application
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await opened_directly(ann, bob_)
        await bob.until_received("conversation:updated")
        await ann.send(room, "one")
        await receives(bob, ["one"])
        await bob.ask("conversation:leave", conversation_id=room)
        await ann.until_received("conversation:updated", 2)
        await ann.send(room, "two")
        await ann.send(room, "three")
        for screen in (ann, bob):
            await receives(screen, ["one", "two", "three"])
        assert await bob.do("() => client.positions()") == {room: {"conversation": 3, "sent": 3}}


async def test_notes_to_oneself_are_on_every_page_of_the_user(browser: Browser, application: Application) -> None:
    (ann_,) = users("ann")
    async with opened(browser, application, ann_) as page, opened(browser, application, ann_) as other:
        room = await opened_directly(page, ann_)
        await other.until_received("conversation:updated")
        await page.send(room, "milk")
        for screen in (page, other):
            await receives(screen, ["milk"])
        (listed,) = (await other.ask("conversation:list"))["conversations"]
        assert (listed["conversation_id"], listed["kind"], listed["unread"]) == (room, "direct", 0)
