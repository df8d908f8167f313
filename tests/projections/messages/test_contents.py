"""Tests the contents of messages: stored in facets, shown, and hidden once the message is deleted."""

from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import structs

from core.domain.content import Content
from projections.messages import contents, message_rows
from schemas import ids
from schemas.events import Attachment, MessageSent, Origin
from schemas.topics import MESSAGE_DELETED, MESSAGE_EDITED, MESSAGE_SENT
from schemas.wire.views import MessageView
from tests.given import AT, ROOM, TENANT, deleted, edited, sent
from tests.projections.given import fact, unreadable
from tests.projections.messages.test_message_rows import Store

HERE = Origin(conversation_id=ROOM, message_id=ROOM, sender="cy", at=AT)
FILE = Attachment(media_id=ROOM, name="plan.pdf", size=7)
CARRIED: dict[str, Any] = {
    "thread_root": ROOM,
    "mentions": ["ann"],
    "attachments": [FILE],
    "metadata": {"a.b": {"$c": [1, None]}},
    "forwarded_from": [HERE],
}
WHOLE = structs.replace(sent("k1", "hello"), reply_to=ROOM, **CARRIED)
SEALED = structs.replace(sent("k1", ""), ciphertext="s3cret")


def seen(store: Store, event: MessageSent = WHOLE) -> MessageView:
    view = message_rows.view(store.rows[event.message_id])
    assert view is not None
    return view


def folded(*facts: Any) -> Store:
    store = Store()
    store.fold(*facts)
    return store


def test_contents_of_a_message_are_shown() -> None:
    view = seen(folded(fact(MESSAGE_SENT, 0, WHOLE)))
    assert {name: getattr(view, name) for name in CARRIED} == CARRIED
    assert (view.text, view.ciphertext, view.reply_to) == ("hello", None, ROOM)


def test_plain_message_stores_no_optional_fields() -> None:
    row = folded(fact(MESSAGE_SENT, 0, sent())).rows[sent().message_id]
    assert not row["sent"].keys() & set(contents.CARRIED)


def test_metadata_is_stored_as_text_without_keys_of_users() -> None:
    facet = folded(fact(MESSAGE_SENT, 0, WHOLE)).rows[WHOLE.message_id]["sent"]
    assert facet["metadata"] == '{"a.b":{"$c":[1,null]}}'
    assert next(iter(facet)) == "pos"


def test_message_with_only_attachments_has_no_text() -> None:
    files = structs.replace(sent("k1", ""), attachments=[FILE])
    view = seen(folded(fact(MESSAGE_SENT, 0, files)), files)
    assert (view.text, view.attachments, view.unreadable) == (None, [FILE], False)


def test_deleted_message_keeps_only_its_thread_root() -> None:
    edit = structs.replace(edited(WHOLE, "other"), mentions=["bob"])
    store = folded(
        fact(MESSAGE_SENT, 0, WHOLE), fact(MESSAGE_EDITED, 0, edit, "e1"), fact(MESSAGE_DELETED, 0, deleted(WHOLE), "d")
    )
    text = msgspec.json.decode(msgspec.json.encode(seen(store)))
    assert text == {
        "conversation_id": ROOM,
        "message_id": WHOLE.message_id,
        "seq": 1,
        "sender": "bob",
        "text": None,
        "at": AT,
        "client_msg_id": "k1",
        "reply_to": ROOM,
        "edited": True,
        "deleted": True,
        "unreadable": False,
        "thread_root": ROOM,
    }
    assert message_rows.versions(store.rows[WHOLE.message_id]) == []


def test_edit_replaces_only_text_and_mentions() -> None:
    edit = structs.replace(edited(WHOLE, "other"), mentions=["bob"])
    view = seen(folded(fact(MESSAGE_SENT, 0, WHOLE), fact(MESSAGE_EDITED, 0, edit, "e1")))
    assert (view.text, view.mentions, view.edited) == ("other", ["bob"], True)
    assert (view.attachments, view.metadata, view.forwarded_from) == ([FILE], CARRIED["metadata"], [HERE])


def test_ciphertext_is_shown_and_edited_as_ciphertext() -> None:
    edit = structs.replace(edited(SEALED, ""), ciphertext="other")
    store = folded(fact(MESSAGE_SENT, 0, SEALED))
    assert (seen(store).text, seen(store).ciphertext, seen(store).edited) == (None, "s3cret", False)
    store.fold(fact(MESSAGE_EDITED, 0, edit, "e1"))
    assert (seen(store).text, seen(store).ciphertext, seen(store).edited) == (None, "other", True)


def test_valid_versions_are_listed_oldest_first() -> None:
    store = folded(
        fact(MESSAGE_SENT, 0, WHOLE),
        fact(MESSAGE_EDITED, 0, structs.replace(edited(WHOLE, "one"), mentions=["bob"]), "e1"),
        fact(MESSAGE_EDITED, 1, edited(WHOLE, "theirs", "eve"), "e2", actor="eve"),
        unreadable(MESSAGE_EDITED, 2, "e3"),
        fact(MESSAGE_EDITED, 3, edited(WHOLE, "two"), "e4"),
    )
    versions = message_rows.versions(store.rows[WHOLE.message_id])
    assert [(one.by, one.at, one.text, one.mentions) for one in versions] == [
        ("bob", AT, "hello", ["ann"]),
        ("bob", AT, "one", ["bob"]),
        ("bob", AT, "two", []),
    ]


def test_versions_of_a_ciphertext_are_ciphertexts() -> None:
    edit = structs.replace(edited(SEALED, ""), ciphertext="other")
    store = folded(fact(MESSAGE_SENT, 0, SEALED), fact(MESSAGE_EDITED, 0, edit, "e1"))
    versions = message_rows.versions(store.rows[SEALED.message_id])
    assert [(one.text, one.ciphertext) for one in versions] == [(None, "s3cret"), (None, "other")]


def test_unreadable_message_has_no_versions() -> None:
    store = folded(unreadable(MESSAGE_SENT, 0, "u1"))
    assert message_rows.versions(store.rows["u1"]) == []
    assert message_rows.sent_content(store.rows["u1"]) is None


@pytest.mark.parametrize(
    "other",
    [
        {"text": "x"},
        {"reply_to": None},
        {"attachments": [structs.replace(FILE, size=8)]},
        {"metadata": {"a.b": {"$c": [1, 2]}}},
        {"text": "", "ciphertext": "hello"},
        {"forwarded_from": [HERE]},
    ],
    ids=str,
)
def test_repeat_with_another_content_is_a_conflict(other: dict[str, Any]) -> None:
    said = structs.replace(WHOLE, forwarded_from=[])
    store = folded(fact(MESSAGE_SENT, 0, said))
    same, differs = store.fold(fact(MESSAGE_SENT, 1, said), fact(MESSAGE_SENT, 2, structs.replace(said, **other)))
    assert (same.repeat, same.conflict) == (True, False)
    assert (differs.repeat, differs.conflict) == (True, True)


def test_repeat_that_was_decided_again_is_no_conflict() -> None:
    store = folded(fact(MESSAGE_SENT, 0, structs.replace(WHOLE, forwarded_from=[])))
    again = structs.replace(WHOLE, forwarded_from=[], mentions=[], conversation_n=9, thread_root=None)
    assert not store.fold(fact(MESSAGE_SENT, 1, again))[0].conflict


def test_forward_of_an_edited_message_is_no_conflict_and_of_another_message_is_one() -> None:
    store = folded(fact(MESSAGE_SENT, 0, WHOLE))
    later = structs.replace(WHOLE, text="edited", attachments=[])
    another = structs.replace(WHOLE, forwarded_from=[structs.replace(HERE, message_id=WHOLE.message_id)])
    same, differs = store.fold(fact(MESSAGE_SENT, 1, later), fact(MESSAGE_SENT, 2, another))
    assert (same.conflict, differs.conflict) == (False, True)


def test_edit_with_the_same_id_and_another_ciphertext_is_a_conflict() -> None:
    edit = structs.replace(edited(SEALED, ""), ciphertext="other")
    store = folded(fact(MESSAGE_SENT, 0, SEALED), fact(MESSAGE_EDITED, 0, edit, "e1"))
    same, differs = store.fold(
        fact(MESSAGE_EDITED, 1, edit, "e1"), fact(MESSAGE_EDITED, 2, structs.replace(edit, ciphertext="x"), "e1")
    )
    assert (same.conflict, differs.conflict) == (False, True)


TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
SENT = st.builds(
    MessageSent,
    tenant=st.just(TENANT),
    at=st.just(AT),
    conversation_id=st.just(ROOM),
    message_id=st.just(ids.message_id(TENANT, ROOM, "bob", "k1")),
    sender=st.just("bob"),
    client_msg_id=st.just("k1"),
    text=TEXT,
    conversation_n=st.integers(0, 9),
    reply_to=st.none() | TEXT,
    thread_root=st.none() | st.text(min_size=1),
    mentions=st.lists(TEXT, max_size=3),
    attachments=st.lists(st.builds(Attachment, media_id=TEXT, name=st.none() | TEXT, size=st.none() | st.just(3))),
    ciphertext=st.none() | st.text(min_size=1),
    metadata=st.none() | st.dictionaries(TEXT, JSON, min_size=1, max_size=3),
    forwarded_from=st.lists(st.just(HERE), max_size=2),
)


@for_all(SENT)
def test_facet_restores_its_event(event: MessageSent) -> None:
    row = folded(fact(MESSAGE_SENT, 0, event)).rows[event.message_id]
    stored = msgspec.json.decode(msgspec.json.encode(row))
    assert contents.event_of(stored, event.message_id, stored["sent"]) == event


def test_content_of_a_change_is_found_by_its_event_even_where_it_changed_nothing() -> None:
    gone = fact(MESSAGE_DELETED, 1, deleted(sent()), "gone")
    late = fact(MESSAGE_EDITED, 2, edited(sent(), "too late"), "late")
    row = folded(fact(MESSAGE_SENT, 0, sent()), gone, late).rows[sent().message_id]
    assert contents.changed_content(row, late.envelope.id) == Content(text="too late")
    assert contents.changed_content(row, gone.envelope.id) == Content()
    assert contents.changed_content(row, "another") is None
    assert contents.changed_content(None, late.envelope.id) is None
