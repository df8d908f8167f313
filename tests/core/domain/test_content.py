"""Two sends with one key are equal if their content is."""

from typing import Any

import pytest
from msgspec import structs

from core.domain import content
from schemas.commands.message import Attached, ForwardMessage, SendMessage
from schemas.events import MessageSent, Origin
from tests.core.domain.test_forward import FORWARD, passing_on
from tests.core.domain.test_message import OTHER, SENT, edited, in_room
from tests.given import ROOM

SAY = SendMessage(
    conversation_id=ROOM,
    client_msg_id="k",
    text="hello",
    reply_to=SENT.message_id,
    attachments=[Attached(media_id=OTHER, name="a", size=1)],
    metadata={"b": 1, "a": {"d": [2], "c": None}},
)
SEALED = SendMessage(conversation_id=ROOM, client_msg_id="k", ciphertext="x")


@pytest.mark.parametrize("command", [SAY, SEALED, structs.replace(SAY, metadata={})], ids=["text", "sealed", "bare"])
def test_command_and_event_have_the_same_content(command: SendMessage) -> None:
    event = in_room(SENT).when(command, "ann").then(MessageSent)
    assert content.of_event(event) == content.of_command(command)
    assert hash(content.of_event(event)) == hash(content.of_command(command))


@pytest.mark.parametrize(
    "other",
    [
        {"text": "hello!"},
        {"reply_to": None},
        {"attachments": []},
        {"attachments": [Attached(media_id=OTHER, name="a", size=2)]},
        {"metadata": None},
        {"metadata": {"b": 1, "a": {"d": [2], "c": 0}}},
        {"text": None, "ciphertext": "hello"},
    ],
    ids=str,
)
def test_different_content_is_not_equal(other: dict[str, Any]) -> None:
    another = structs.replace(SAY, **other)
    assert content.of_command(another) != content.of_command(SAY)
    assert content.repeated(another) != content.repeated(SAY)


def test_retry_must_repeat_what_distinguishes_content() -> None:
    plain = SendMessage(conversation_id=ROOM, client_msg_id="k", text="hello")
    others = [structs.replace(plain, text="x"), structs.replace(plain, reply_to=OTHER), SAY, SEALED, FORWARD]
    assert len({content.repeated(one) for one in [plain, *others]}) == len(others) + 1
    assert content.repeated(structs.replace(plain, metadata={}, mentions=["ann"])) == content.repeated(plain)


def test_key_order_and_mentions_do_not_change_content() -> None:
    again = structs.replace(SAY, metadata={"a": {"c": None, "d": [2]}, "b": 1}, mentions=["ann"])
    assert content.of_command(again) == content.of_command(SAY)
    assert content.repeated(again) == content.repeated(SAY)


def test_content_of_a_forward_is_its_origin() -> None:
    first = passing_on(SENT).when(FORWARD, "ann").then(MessageSent)
    later = passing_on(SENT, edited("other")).when(FORWARD, "ann").then(MessageSent)
    assert first.text != later.text
    assert content.of_event(first) == content.of_event(later) == content.of_command(FORWARD)


def test_other_origin_or_a_send_is_other_content() -> None:
    other: ForwardMessage = structs.replace(FORWARD, message_id=OTHER)
    assert content.of_command(other) != content.of_command(FORWARD)
    here = Origin(conversation_id=ROOM, message_id=OTHER, sender="bob", at=SENT.at)
    assert content.of_event(SENT) != content.of_event(structs.replace(SENT, forwarded_from=[here]))
