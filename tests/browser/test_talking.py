"""People in real browsers talk, with each other and with a Python program."""

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
    """Users whom nobody met in another test."""
    mark = uuid.uuid4().hex[:8]
    return [f"{name}-{mark}" for name in names]


async def told(screen: Screen, texts: list[str]) -> None:
    """The page is told these messages, in this order, each once."""

    async def all_told() -> bool:
        return len(await screen.texts()) >= len(texts)

    await eventually(all_told, 30)
    assert await screen.said() == list(enumerate(texts, 1))


async def test_two_pages_talk(browser: Browser, application: Application) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        await bob.until_heard("conversation:updated")
        first = await ann.send(room, "Noodles at noon? 🍜")
        answer = await bob.do("([room, to]) => client.send(room, 'Yes', {replyTo: to})", [room, first["message_id"]])
        assert (first["level"], answer["level"]) == ("accepted", "accepted")
        for screen in (ann, bob):
            await told(screen, ["Noodles at noon? 🍜", "Yes"])
        assert (await ann.heard("message:new"))[1]["data"]["reply_to"] == first["message_id"]
        assert [event["healed"] for event in await bob.heard("message:new")] == [False, False]
        assert await ann.do("() => client.positions()") == {room: {"conversation": 1, "sent": 2}}


async def test_a_page_says_the_longest_text_and_takes_a_caption_away(
    browser: Browser, application: Application
) -> None:
    ann_, bob_ = users("ann", "bob")
    file = {"media_id": "b5f5c6a0-0000-4000-8000-00000000000a"}
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room(bob_)
        assert (await ann.send(room, "🍜" * 20_000))["level"] == "accepted"
        await told(bob, ["🍜" * 20_000])
        said = await ann.do("([room, file]) => client.send(room, 'see', {attachments: [file]})", [room, file])
        await told(bob, ["🍜" * 20_000, "see"])
        await ann.ask("message:edit", conversation_id=room, message_id=said["message_id"], text=None)
        (edited,) = await bob.until_heard("message:edited")
        assert (edited["data"]["text"], edited["data"]["attachments"]) == (None, [file])


async def test_what_no_node_could_read_fails_and_what_it_can_goes_on(
    browser: Browser, application: Application
) -> None:
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
        await told(bob, ["half", "whole"])
        assert (await bob.heard("message:new"))[0]["data"]["metadata"] == {"k\ufffd": "\ufffd"}


async def test_a_page_begins_where_an_earlier_one_stood_or_at_the_beginning_or_now(
    browser: Browser, application: Application
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, bob_) as bob:
        async with opened(browser, application, ann_) as ann:
            room = await ann.room(bob_)
            await ann.send(room, "1")
            await told(ann, ["1"])
            stood = await ann.do("() => client.positions()")
        await bob.send(room, "2")
        await told(bob, ["1", "2"])
        async with opened(browser, application, ann_) as ann:
            await bob.send(room, "3")
            await ann.until_heard("message:new")
            assert await ann.said() == [(3, "3")]
        for positions, numbers in ((stood, [2, 3]), ({}, [1, 2, 3])):
            async with opened(browser, application, ann_, positions=json.dumps(positions)) as ann:
                await ann.until_heard("message:new", len(numbers))
                assert [number for number, _ in await ann.said()] == numbers


async def test_a_message_is_shown_before_it_is_sent(browser: Browser, application: Application) -> None:
    (ann_,) = users("ann")
    async with opened(browser, application, ann_) as ann:
        room = await ann.room()
        await ann.do("(room) => client.send(room, 'hello', {clientMsgId: 'k1'})", room)
        await told(ann, ["hello"])
        mine = await ann.heard("pending", "sent", "failed")
        assert [(event["type"], event["clientMsgId"], event["conversationId"]) for event in mine] == [
            ("pending", "k1", room),
            ("sent", "k1", room),
        ]
        (pushed,) = await ann.heard("message:new")
        assert (pushed["data"]["client_msg_id"], pushed["data"]["message_id"]) == (
            "k1",
            mine[1]["answer"]["message_id"],
        )


async def test_pages_are_told_who_has_and_read_a_message_who_writes_and_who_is_there(
    browser: Browser, application: Application
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with (
        opened(browser, application, ann_) as ann,
        opened(browser, application, bob_, device="phone") as bob,
        opened(browser, application, bob_) as desk,
    ):
        room = await ann.room(bob_)
        await bob.until_heard("conversation:updated")
        await ann.send(room, "here?")
        await eventually(lambda: reached(ann, [(bob_, 0, 1)]), 20)
        await ann.ask("presence:subscribe", users=[bob_])
        await bob.ask("presence:set", status="busy")
        (busy,) = await ann.until_heard("presence")
        assert (busy["data"]["user_id"], busy["data"]["status"]) == (bob_, "busy")
        await bob.ask("typing:start", conversation_id=room)
        (typing,) = await ann.until_heard("typing")
        assert (typing["data"]["user_id"], typing["data"]["typing"]) == (bob_, True)
        await bob.ask("message:read", conversation_id=room, seq=1)
        await eventually(lambda: reached(ann, [(bob_, 0, 1), (bob_, 1, 1)]), 20)
        (read,) = await desk.until_heard("inbox:changed")
        assert (read["lane"], read["n"], read["data"]["read"]) == ("user", 1, 1)
        assert (await desk.do("() => client.positions()"))["user"] == {"user": 1}


async def reached(screen: Screen, cursors: list[tuple[str, int, int]]) -> bool:
    """Whether the page was sent these cursors, in this order: `(user, read_seq, delivered_seq)`."""
    every = [one for event in await screen.heard("cursors:moved") for one in event["data"]["cursors"]]
    found = [(one["user_id"], one["read_seq"], one["delivered_seq"]) for one in every]
    return list(dict.fromkeys(found)) == cursors


async def test_a_no_rejects_and_is_told(browser: Browser, application: Application) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await ann.room()
        no = "(room) => client.send(room, 'let me in').catch(({name, code}) => ({name, code}))"
        assert await bob.do(no, room) == {"name": "CommandError", "code": "not_a_participant"}
        (failed,) = await bob.heard("failed")
        assert failed["error"]["code"] == "not_a_participant"
        large = "(room) => client.send(room, 'é'.repeat(300_000)).catch(({code}) => code)"
        assert await ann.do(large, room) == "too_large"
        assert (await ann.send(room, "the line is still there"))["level"] == "accepted"


async def test_a_python_program_and_a_page_talk(browser: Browser, application: Application, up: Up) -> None:
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
        await told(ann, texts)
        heard: list[str | None] = []
        async for event in bot.events():
            if isinstance(event, MessageNew):
                heard.append(event.message.text)
            if len(heard) == len(texts):
                break
        assert heard == texts


async def test_a_token_that_expires_is_replaced_and_nothing_is_missed(
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
                await told(ann, texts)
                await told(bob, texts)
                lines = len(await bob.heard("online"))
                assert lines >= 3
                assert application.tokens.count("bob") >= lines
                assert await bob.do("() => tried") <= lines + 1  # never again with the token that had expired


async def test_who_is_refused_is_told_and_does_not_come_back(browser: Browser, application: Application) -> None:
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


async def test_who_stops_gets_the_end_of_the_events(browser: Browser, application: Application) -> None:
    (ann_,) = users("ann")
    async with opened(browser, application, ann_) as ann:
        room = await ann.room()
        stop = "(room) => { const said = client.send(room, 'x'); client.stop(); return said.catch(({code}) => code) }"
        assert await ann.do(stop, room) == 1000
        await eventually(lambda: ended(ann, "stopped"))
        assert await ann.do("() => client.connected") is False


async def test_a_token_of_somebody_else_ends_a_client_before_it_sends(
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
    """A direct conversation."""
    direct = {"kind": "direct", "participants": [other]}
    answer = await screen.do("(direct) => client.ask('conversation:create', direct)", direct)
    room: str = answer["conversation_id"]
    return room


async def test_who_left_a_direct_conversation_is_written_back_into_it(
    browser: Browser, application: Application
) -> None:
    ann_, bob_ = users("ann", "bob")
    async with opened(browser, application, ann_) as ann, opened(browser, application, bob_) as bob:
        room = await opened_directly(ann, bob_)
        await bob.until_heard("conversation:updated")
        await ann.send(room, "one")
        await told(bob, ["one"])
        await bob.ask("conversation:leave", conversation_id=room)
        await ann.until_heard("conversation:updated", 2)
        await ann.send(room, "two")
        await ann.send(room, "three")
        for screen in (ann, bob):
            await told(screen, ["one", "two", "three"])
        assert await bob.do("() => client.positions()") == {room: {"conversation": 3, "sent": 3}}


async def test_notes_to_oneself_are_on_every_page_of_ones_own(browser: Browser, application: Application) -> None:
    (ann_,) = users("ann")
    async with opened(browser, application, ann_) as page, opened(browser, application, ann_) as other:
        room = await opened_directly(page, ann_)
        await other.until_heard("conversation:updated")
        await page.send(room, "milk")
        for screen in (page, other):
            await told(screen, ["milk"])
        (listed,) = (await other.ask("conversation:list"))["conversations"]
        assert (listed["conversation_id"], listed["kind"], listed["unread"]) == (room, "direct", 0)
