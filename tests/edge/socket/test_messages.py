"""The fields of a message at a node: sent, edited, forwarded and found; and each rejection."""

from typing import Any

from edge.socket.node import Node
from tests.contracts.search_index import ids, query
from tests.edge.socket.world import Person, World, room
from tests.eventually import eventually

ABSENT = "6f1d1f8a-0000-5000-8000-00000000000f"
FILE = {"media_id": ABSENT, "name": "plan.pdf", "content_type": "application/pdf", "size": 7}


async def people(running: tuple[World, Node], *users: str) -> list[Person]:
    return [await Person(running[1], user).come() for user in users]


async def say(who: Person, here: str, key: str, **fields: Any) -> str:
    """Send it. Return the message's id."""
    answer = await who.ask("message:send", conversation_id=here, client_msg_id=key, **fields)
    assert answer["type"] == "ack", answer
    return str(answer["data"]["message_id"])


async def push_of(who: Person, kind: str, message_id: str) -> dict[str, Any]:
    """Return the push of this message, once it has arrived."""

    def pushed() -> Any:
        return next((one["data"] for one in who.of(kind) if one["data"]["message_id"] == message_id), False)

    view: dict[str, Any] = await eventually(pushed)
    return view


async def refused(who: Person, kind: str, **fields: Any) -> tuple[str, list[dict[str, str]] | None]:
    error = (await who.ask(kind, **fields))["error"]
    return error["code"], error["errors"]


async def get(who: Person, here: str, message_id: str) -> dict[str, Any]:
    answer = await who.ask("message:get", conversation_id=here, message_id=message_id)
    assert answer["type"] == "ack", answer
    data: dict[str, Any] = answer["data"]
    return data


async def test_all_fields_of_a_message_are_pushed_and_read(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    carried = {
        "attachments": [FILE],
        "metadata": {"a.b": {"$c": [1]}},
        "text": "see @ben and @eve",
        "mentions": ["ann"],
    }
    message = await say(ann, here, "1", **carried)
    view = await push_of(ben, "message:new", message)
    assert view["mentions"] == ["ann", "ben"]
    assert {name: view[name] for name in ("attachments", "metadata", "text")} == {
        name: carried[name] for name in ("attachments", "metadata", "text")
    }
    found = await get(ben, here, message)
    assert found["message"] == view
    assert found["versions"] == [
        {"at": view["at"], "by": "ann", "text": "see @ben and @eve", "mentions": ["ann", "ben"]}
    ]


async def test_message_may_have_attachments_or_ciphertext_alone(running: tuple[World, Node]) -> None:
    (ann,) = await people(running, "ann")
    here = await room(ann, "ben")
    files, sealed = await say(ann, here, "1", attachments=[FILE]), await say(ann, here, "2", ciphertext="s3cret")
    assert (await push_of(ann, "message:new", files))["text"] is None
    view = await push_of(ann, "message:new", sealed)
    assert (view["text"], view["ciphertext"]) == (None, "s3cret")


async def test_removed_caption_keeps_attachments(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    for key, caption in (("1", {"text": "see @ben"}), ("2", {"ciphertext": "s3cret"})):
        message = await say(ann, here, key, attachments=[FILE], **caption)
        await push_of(ben, "message:new", message)
        answer = await ann.ask("message:edit", conversation_id=here, message_id=message, text=None)
        assert answer["type"] == "ack", answer
        view = await push_of(ben, "message:edited", message)
        assert (view["text"], view["edited"], view["attachments"]) == (None, True, [FILE])
        assert "mentions" not in view
        assert "ciphertext" not in view
        found = await get(ben, here, message)
        assert [one["text"] for one in found["versions"]] == [caption.get("text"), None]
        passed = {"from_conversation_id": here, "message_id": message}
        answer = await ben.ask("message:forward", conversation_id=here, client_msg_id=f"f{key}", **passed)
        assert (await push_of(ann, "message:new", answer["data"]["message_id"]))["attachments"] == [FILE]
    plain = await say(ann, here, "3", text="plain")
    await push_of(ann, "message:new", plain)
    assert await refused(ann, "message:edit", conversation_id=here, message_id=plain) == (
        "validation_failed",
        [{"pointer": "/data/text", "code": "missing"}],
    )


async def test_ciphertext_is_edited_and_not_found_by_search(running: tuple[World, Node]) -> None:
    found, _ = running
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    sealed = await say(ann, here, "1", ciphertext="s3cret", mentions=["ben"])
    await say(ann, here, "2", text="plain")
    edit = {"conversation_id": here, "message_id": sealed, "ciphertext": "0ther"}
    assert (await ann.ask("message:edit", **edit))["type"] == "ack"
    view = await push_of(ben, "message:edited", sealed)
    assert (view["text"], view["ciphertext"], view["edited"]) == (None, "0ther", True)
    await eventually(lambda: indexed(found, here, "plain"))
    for words in ("s3cret", "0ther"):
        assert not await indexed(found, here, words)
    versions = (await get(ben, here, sealed))["versions"]
    assert [one["ciphertext"] for one in versions] == ["s3cret", "0ther"]
    assert versions[0]["mentions"] == ["ben"]


async def indexed(found: World, here: str, words: str) -> bool:
    await found.index.refresh(1)
    return bool(await ids(found.index, 1, query(words, [here])))


async def test_problem_names_the_invalid_field_of_a_message(running: tuple[World, Node]) -> None:
    (ann,) = await people(running, "ann")
    here = await room(ann, "ben")
    message = await say(ann, here, "1", text="hi")
    send = {"conversation_id": here, "client_msg_id": "2"}
    edit = {"conversation_id": here, "message_id": message}

    def wrong(field: str, how: str) -> tuple[str, list[dict[str, str]]]:
        return "validation_failed", [{"pointer": f"/data/{field}", "code": how}]

    assert await refused(ann, "message:send", **send) == wrong("text", "missing")
    assert await refused(ann, "message:send", **send, text="a", ciphertext="b") == wrong("text", "value")
    assert await refused(ann, "message:send", **send, text="a", metadata={"a": "x" * 4096}) == wrong(
        "metadata", "bounds"
    )
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    assert await refused(ann, "message:send", **send, text="a", metadata=deep) == wrong("metadata", "bounds")
    assert await refused(ann, "message:send", **send, attachments=[FILE] * 11) == wrong("attachments", "bounds")
    assert await refused(ann, "message:edit", **edit) == wrong("text", "missing")
    assert await refused(ann, "message:edit", **edit, ciphertext="x") == wrong("ciphertext", "value")
    assert (await ann.ask("message:send", **send, text="good"))["type"] == "ack"


async def test_same_key_with_a_different_message_is_a_conflict(running: tuple[World, Node]) -> None:
    (ann,) = await people(running, "ann")
    here = await room(ann, "ben")
    message = await say(ann, here, "1", text="hi", metadata={"a": 1, "b": 2})
    assert await say(ann, here, "1", text="hi", metadata={"b": 2, "a": 1}) == message
    said = {"conversation_id": here, "client_msg_id": "1"}
    await push_of(ann, "message:new", message)
    for retry in (False, True):
        for other in ({"text": "hi"}, {"text": "hi", "metadata": {"a": 1}}, {"ciphertext": "hi"}):
            assert (await ann.ask("message:send", **said, **other, retry=retry))["error"]["code"] == (
                "idempotency_conflict"
            )
    again = await ann.ask("message:send", **said, text="hi", metadata={"b": 2, "a": 1}, retry=True)
    assert again["data"] == {"message_id": message, "level": "persisted"}


async def test_reply_is_in_the_thread_of_its_parent(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    root = await say(ann, here, "1", text="who comes?")
    first = await say(ben, here, "1", text="I do", reply_to=root)
    second = await say(ann, here, "2", text="fine", reply_to=first)
    await say(ann, here, "3", text="else")
    assert (await push_of(ann, "message:new", first))["thread_root"] == root
    view = await push_of(ann, "message:new", second)
    assert (view["reply_to"], view["thread_root"]) == (first, root)
    for named in (root, first):
        found = (await ben.ask("message:thread", conversation_id=here, message_id=named))["data"]
        assert found["root"]["message_id"] == root
        assert [one["message_id"] for one in found["messages"]] == [first, second]
        assert found["more_after"] is False


async def test_edit_sets_mentions_and_every_version_is_read(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    message = await say(ann, here, "1", text="hi @ben")
    for text in ("hi all", "hi @ann"):
        await ann.ask("message:edit", conversation_id=here, message_id=message, text=text)
    await eventually(lambda: ben.lane("edited", here) == [1, 2])
    found = await get(ben, here, message)
    assert found["message"]["mentions"] == ["ann"]
    assert [(one["text"], one.get("mentions", [])) for one in found["versions"]] == [
        ("hi @ben", ["ben"]),
        ("hi all", []),
        ("hi @ann", ["ann"]),
    ]


async def test_deleted_message_shows_only_its_place(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    message = await say(ann, here, "1", text="hi @ben", attachments=[FILE], metadata={"a": 1})
    await push_of(ann, "message:new", message)
    await ann.ask("message:delete", conversation_id=here, message_id=message)
    view = await push_of(ben, "message:deleted", message)
    assert not view.keys() & {"mentions", "attachments", "metadata", "ciphertext", "forwarded_from"}
    found = await get(ben, here, message)
    assert found == {"message": view, "versions": [], "more": False}


async def test_forwarded_message_has_its_origin(running: tuple[World, Node]) -> None:
    ann, ben, cy = await people(running, "ann", "ben", "cy")
    here = await room(ann, "ben")
    there = await room(ben, "cy")
    message = await say(ann, here, "1", text="hi @cy @ann", attachments=[FILE], metadata={"a": 1})
    await ann.ask("message:edit", conversation_id=here, message_id=message, text="hello @cy @ann")
    await push_of(ben, "message:edited", message)
    forward = {"conversation_id": there, "client_msg_id": "f", "from_conversation_id": here, "message_id": message}
    answer = await ben.ask("message:forward", **forward)
    view = await push_of(cy, "message:new", answer["data"]["message_id"])
    origin = await get(ben, here, message)
    assert view["forwarded_from"] == [
        {"conversation_id": here, "message_id": message, "sender": "ann", "at": origin["message"]["at"]}
    ]
    assert (view["text"], view["mentions"], view["attachments"]) == ("hello @cy @ann", ["cy"], [FILE])
    assert (view["sender"], "metadata" in view) == ("ben", False)
    assert (await get(cy, there, view["message_id"]))["message"] == view


async def test_repeated_forward_is_one_message_also_after_an_edit(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    first, second = await say(ann, here, "1", text="one"), await say(ann, here, "2", text="two")
    forward = {"conversation_id": here, "client_msg_id": "f", "from_conversation_id": here, "message_id": first}
    answer = await ben.ask("message:forward", **forward)
    await push_of(ben, "message:new", answer["data"]["message_id"])
    await ann.ask("message:edit", conversation_id=here, message_id=first, text="other")
    await push_of(ben, "message:edited", first)
    assert (await ben.ask("message:forward", **forward))["data"] == answer["data"]
    again = await ben.ask("message:forward", **forward, retry=True)
    assert again["data"] == {**answer["data"], "level": "persisted"}
    for retry in (False, True):
        code, _ = await refused(ben, "message:forward", **{**forward, "message_id": second}, retry=retry)
        assert code == "idempotency_conflict"
        code, _ = await refused(ben, "message:send", conversation_id=here, client_msg_id="f", text="one", retry=retry)
        assert code == "idempotency_conflict"


async def test_unreadable_message_is_not_forwarded(running: tuple[World, Node]) -> None:
    ann, ben, eve = await people(running, "ann", "ben", "eve")
    here, hers = await room(ann, "ben"), await room(eve)
    early = await say(ann, here, "1", text="early")
    await push_of(ann, "message:new", early)
    forward = {"conversation_id": hers, "client_msg_id": "f", "from_conversation_id": here, "message_id": early}
    assert (await refused(eve, "message:forward", **forward))[0] == "message_not_found"
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await eventually(lambda: eve.lane("conversation", here) == [2])
    assert (await refused(eve, "message:forward", **forward))[0] == "message_not_found"
    answer = {"conversation_id": here, "client_msg_id": "a", "text": "yes", "reply_to": early}
    assert (await eve.ask("message:send", **answer))["type"] == "ack"  # a reply needs no access to its parent
    assert (await refused(eve, "message:get", conversation_id=here, message_id=early))[0] == "message_not_found"
    late = await say(ann, here, "2", text="late")
    assert (await eve.ask("message:forward", **{**forward, "message_id": late}))["type"] == "ack"
    sealed = await say(ann, here, "3", ciphertext="x")
    assert (await refused(eve, "message:forward", **{**forward, "message_id": sealed, "client_msg_id": "g"}))[0] == (
        "not_allowed"
    )
    await ann.ask("message:delete", conversation_id=here, message_id=late)
    await push_of(eve, "message:deleted", late)
    gone = {**forward, "message_id": late, "client_msg_id": "h"}
    assert (await refused(eve, "message:forward", **gone))[0] == "message_not_found"
    nowhere = {**forward, "from_conversation_id": ABSENT}
    assert (await refused(eve, "message:forward", **nowhere))[0] == "message_not_found"
    assert (await refused(ben, "message:forward", **forward))[0] == "not_a_participant"
    assert (await refused(ben, "message:forward", **{**forward, "conversation_id": ABSENT}))[0] == (
        "conversation_not_found"
    )
