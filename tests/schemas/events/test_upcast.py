"""An old version is converted to the newest by steps; a body that cannot be is `Undecodable`, with its reason."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from schemas.events import MessageDelivered, MessageEdited, PersistedMessage, Stage, upcast
from schemas.events.upcast import Step, Undecodable
from tests.given import AT, ROOM, TENANT
from tests.schemas.samples import SAMPLES

OLDEST, OLD, NEWEST = "caas.message.edited.v-1", "caas.message.edited.v0", "caas.message.edited.v1"
EDITED = next(event for event in SAMPLES if isinstance(event, MessageEdited))
DELIVERED = "caas.message.delivered.v1"
ABOUT: dict[str, Any] = {"tenant": TENANT, "at": AT, "conversation_id": ROOM}


def without_author(content: dict[str, Any]) -> dict[str, Any]:
    """Convert the oldest version, which has `by`."""
    return {**{name: value for name, value in content.items() if name != "by"}, "user": content["by"]}


def without_user(content: dict[str, Any]) -> dict[str, Any]:
    """Convert the old version, which has `user`."""
    return {**{name: value for name, value in content.items() if name != "user"}, "editor": content["user"]}


STEPS: Mapping[str, Step] = {OLDEST: (OLD, without_author), OLD: (NEWEST, without_user)}


def body(kind: str, author: str) -> bytes:
    content = msgspec.to_builtins(EDITED)
    return msgspec.json.encode({**content, "type": kind, author: content.pop("editor")})


@pytest.mark.parametrize(("kind", "author"), [(OLDEST, "by"), (OLD, "user"), (NEWEST, "editor")])
def test_every_version_is_decoded_as_the_newest(kind: str, author: str) -> None:
    assert upcast.decode(kind, body(kind, author), STEPS) == EDITED


def test_an_unknown_version_is_undecodable_but_its_topic_is_known() -> None:
    with pytest.raises(Undecodable, match="no code reads"):
        upcast.decode("caas.message.edited.v99", b"{}")
    assert upcast.topic_of("caas.message.edited.v99") == "message.edited"
    assert upcast.topic_of("caas.message.forgotten.v1") is None


def test_a_body_that_a_step_cannot_convert_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="does not become"):
        upcast.decode(OLD, b"{}", STEPS)


def test_a_step_to_an_unknown_version_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="no code reads"):
        upcast.decode(OLD, b"{}", {OLD: ("caas.message.edited.v0b", dict)})


@given(st.binary(max_size=60), st.sampled_from([OLDEST, OLD, NEWEST, "x", *events.EVENT_OF]))
def test_any_bytes_raise_undecodable_and_nothing_else(bytes_: bytes, kind: str) -> None:
    with pytest.raises(Undecodable):
        upcast.decode(kind, bytes_, STEPS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, PersistedMessage(message_id="m", sender="bob", seq=3)),
        (
            {"lane": "edited", "applied": False},
            PersistedMessage(message_id="m", sender="bob", seq=3, lane="edited", applied=False),
        ),
    ],
)
def test_persisted_message_of_the_first_version_is_the_only_one_of_its_record(
    fields: dict[str, Any], message: PersistedMessage
) -> None:
    old = {**ABOUT, "message_id": "m", "sender": "bob", "seq": 3, "stage": "persisted", **fields}
    event = upcast.decode(DELIVERED, msgspec.json.encode(old))
    assert event == MessageDelivered(**ABOUT, stage="persisted", messages=[message])


@pytest.mark.parametrize("device", [{}, {"device": "phone"}])
@pytest.mark.parametrize("stage", ["delivered", "read"])
def test_cursor_of_the_first_version_names_no_message(stage: Stage, device: dict[str, str]) -> None:
    old = {**ABOUT, "message_id": "", "sender": "", "seq": 3, "stage": stage, "by": "ann", **device}
    event = upcast.decode(DELIVERED, msgspec.json.encode(old))
    assert event == MessageDelivered(**ABOUT, stage=stage, seq=3, by="ann", **device)


@pytest.mark.parametrize("missing", ["message_id", "sender", "seq", "stage", "conversation_id"])
def test_delivery_of_the_first_version_without_one_of_its_fields_is_undecodable(missing: str) -> None:
    old = {**ABOUT, "message_id": "m", "sender": "bob", "seq": 3, "stage": "persisted"}
    del old[missing]
    with pytest.raises(Undecodable):
        upcast.decode(DELIVERED, msgspec.json.encode(old))


def test_steps_of_released_versions_end_at_a_current_version() -> None:
    for old in upcast.STEPS:
        newer, seen = old, {old}
        while newer in upcast.STEPS:
            newer = upcast.STEPS[newer][0]
            assert newer not in seen
            seen.add(newer)
        assert newer in events.EVENT_OF
