"""A message is sent, edited by its sender, deleted by its sender or an admin; other events change nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import structs

from core.domain import message
from core.domain.decision import Rejected
from core.domain.message import Absent, Deleted, Live, evolve
from schemas import ids
from schemas.bounds import CIPHERTEXT_CHARS, MENTIONS, METADATA_BYTES, TEXT_CHARS
from schemas.commands.message import Attached, DeleteMessage, EditMessage, SendMessage
from schemas.events import Attachment, MessageDeleted, MessageEdited, MessageSent
from tests.core.domain.test_conversation import added, created, fold, removed
from tests.given import AT, ROOM, TENANT, Given, sent

ID = ids.message_id(TENANT, ROOM, "bob", "k1")
OTHER = ids.message_id(TENANT, ROOM, "bob", "k0")
SENT = sent()


def edited(text: str, editor: str = "bob") -> MessageEdited:
    return MessageEdited(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=ID, editor=editor, text=text)


DELETED = MessageDeleted(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=ID, deleted_by="bob")


def after(*events: message.Event) -> message.State:
    state: message.State = Absent()
    for event in events:
        state = evolve(state, event, 1)
    return state


def in_room(*events: message.Event) -> Given:
    return Given(fold(created()), after(*events))


def test_send_has_its_view_and_a_permanent_message_id() -> None:
    command = SendMessage(conversation_id=ROOM, client_msg_id="k1", text="hello")
    in_room().when(command, "bob").then(MessageSent, message_id=ID, conversation_n=1, sender="bob")


def says(**fields: Any) -> SendMessage:
    return SendMessage(conversation_id=ROOM, client_msg_id="k2", **fields)


def edits(**fields: Any) -> EditMessage:
    return EditMessage(conversation_id=ROOM, message_id=ID, **fields)


def test_reply_needs_its_message() -> None:
    command = says(text="yes", reply_to=ID)
    in_room().when(command, "ann").rejects("message_not_found")
    in_room(SENT).when(command, "ann").then(MessageSent, reply_to=ID)
    in_room(SENT, DELETED).when(command, "ann").then(MessageSent, reply_to=ID)


def test_new_member_replies_to_an_earlier_message() -> None:
    room = fold(created(), added("cid", at_seq=1))
    Given(room, after(SENT)).when(says(text="yes", reply_to=ID), "cid").then(MessageSent, reply_to=ID, thread_root=ID)


def test_reply_is_in_the_thread_of_its_message() -> None:
    in_room(SENT).when(says(text="yes", reply_to=ID), "ann").then(MessageSent, reply_to=ID, thread_root=ID)
    answer = structs.replace(SENT, reply_to=OTHER, thread_root=OTHER)
    in_room(answer).when(says(text="no", reply_to=ID), "ann").then(MessageSent, reply_to=ID, thread_root=OTHER)
    in_room().when(says(text="hi"), "ann").then(MessageSent, thread_root=None)


def test_attachments_need_no_text_and_go_with_one() -> None:
    file = Attached(media_id=OTHER, name="plan.pdf", size=7)
    kept = [Attachment(media_id=OTHER, name="plan.pdf", size=7)]
    in_room().when(says(attachments=[file]), "ann").then(MessageSent, text="", attachments=kept)
    in_room().when(says(text="see", attachments=[file]), "ann").then(MessageSent, text="see", attachments=kept)


def test_ciphertext_replaces_the_text() -> None:
    in_room().when(says(ciphertext="s3cret"), "ann").then(MessageSent, text="", ciphertext="s3cret")


@pytest.mark.parametrize("command", [says, edits])
def test_message_needs_a_text_or_a_ciphertext(command: Callable[..., Any]) -> None:
    in_room(SENT).when(command(), "bob").rejects("validation_failed", text="missing")
    in_room(SENT).when(command(text="x", ciphertext="y"), "bob").rejects("validation_failed", text="value")


def test_metadata_is_bounded_and_none_is_none() -> None:
    in_room().when(says(text="x", metadata={"a": [1]}), "ann").then(MessageSent, metadata={"a": [1]})
    in_room().when(says(text="x", metadata={}), "ann").then(MessageSent, metadata=None)
    large = {"a": "x" * METADATA_BYTES}
    in_room().when(says(text="x", metadata=large), "ann").rejects("validation_failed", metadata="bounds")


def test_text_and_command_mention_present_members() -> None:
    room = fold(created(participants={"ann": "owner", "bob": "member", "cid": "member"}), removed("cid"))
    say = says(text="@bob @cid @eve", mentions=["ann", "cid", "eve"])
    Given(room).when(say, "ann").then(MessageSent, mentions=["ann", "bob"])
    Given(room).when(says(ciphertext="@bob", mentions=["ann", "eve"]), "ann").then(MessageSent, mentions=["ann"])
    Given(room, after(SENT)).when(edits(text="@ann", mentions=["bob"]), "bob").then(
        MessageEdited, mentions=["ann", "bob"]
    )


def test_mentions_are_limited_those_of_the_command_first() -> None:
    crowd = [f"u{n:03}" for n in range(MENTIONS + 10)]
    room = fold(created(participants={"ann": "owner", **dict.fromkeys(crowd, "member")}))
    text = " ".join(f"@{user}" for user in crowd)
    sent = Given(room).when(says(text=text, mentions=[crowd[-1]]), "ann").then(MessageSent)
    assert sent.mentions == [*crowd[: MENTIONS - 1], crowd[-1]]


def test_edit_keeps_text_or_ciphertext() -> None:
    sealed = structs.replace(SENT, text="", ciphertext="a")
    in_room(SENT).when(edits(ciphertext="x"), "bob").rejects("validation_failed", ciphertext="value")
    in_room(sealed).when(edits(text="x"), "bob").rejects("validation_failed", text="value")
    in_room(sealed).when(edits(ciphertext="b"), "bob").then(MessageEdited, text="", ciphertext="b")


FILE = Attachment(media_id=OTHER, name="plan.pdf", size=7)


@pytest.mark.parametrize("said", [{"text": "a caption"}, {"text": "", "ciphertext": "a"}, {"text": ""}], ids=str)
def test_edit_may_remove_the_caption_of_attachments(said: dict[str, Any]) -> None:
    captioned = structs.replace(SENT, attachments=[FILE], **said)
    event = in_room(captioned).when(edits(mentions=["ann"]), "bob").then(MessageEdited, text="", ciphertext=None)
    assert event.mentions == ["ann"]
    state = after(captioned, event)
    assert isinstance(state, Live)
    assert (state.text, state.ciphertext, state.edited) == ("", None, said != {"text": ""})
    assert state.sent.attachments == [FILE]
    in_room(captioned).when(edits(), "ann").rejects("not_the_author")


def test_new_caption_keeps_text_or_ciphertext() -> None:
    sealed = structs.replace(SENT, text="", ciphertext="a", attachments=[FILE])
    bare = in_room(sealed).when(edits(), "bob").then(MessageEdited)
    in_room(sealed, bare).when(edits(text="x"), "bob").rejects("validation_failed", text="value")
    in_room(sealed, bare).when(edits(ciphertext="b"), "bob").then(MessageEdited, ciphertext="b")
    plain = structs.replace(SENT, attachments=[FILE])
    bare = in_room(plain).when(edits(), "bob").then(MessageEdited)
    in_room(plain, bare).when(edits(ciphertext="x"), "bob").rejects("validation_failed", ciphertext="value")
    in_room(plain, bare).when(edits(text="x"), "bob").then(MessageEdited, text="x")


def test_edit_without_attachments_needs_content() -> None:
    in_room().when(edits(), "bob").rejects("message_not_found")
    in_room(structs.replace(SENT, text="", ciphertext="a")).when(edits(), "bob").rejects(
        "validation_failed", text="missing"
    )


@pytest.mark.parametrize("text", [" ", "\x00", "\u200b\u2060", "\u3164", "\u202e\n"], ids=ascii)
@pytest.mark.parametrize("command", [says, edits])
def test_text_must_be_visible(command: Callable[..., Any], text: str) -> None:
    in_room(SENT).when(command(text=text), "bob").rejects("validation_failed", text="value")
    in_room(SENT).when(command(text=f"{text}.{text}"), "bob").then((MessageSent, MessageEdited), text=f"{text}.{text}")


def test_captions_and_file_names_must_be_visible() -> None:
    file, blank = Attached(media_id=OTHER, name="a"), Attached(media_id=OTHER, name="\u2060")
    in_room().when(says(text=" ", attachments=[file]), "ann").rejects("validation_failed", text="value")
    in_room().when(says(attachments=[file, blank]), "ann").rejects(
        "validation_failed", **{"attachments/1/name": "value"}
    )


def test_old_blank_message_can_be_forwarded() -> None:
    assert after(structs.replace(SENT, text=" ")) == Live(structs.replace(SENT, text=" "), " ", mentions=[], seq=1)


def test_stranger_cannot_send() -> None:
    in_room().when(SendMessage(conversation_id=ROOM, client_msg_id="k", text="x"), "eve").rejects("not_a_participant")


@pytest.mark.parametrize("text", ["hello", "hello!"])
def test_edit_to_the_same_text_is_appended(text: str) -> None:
    command = EditMessage(conversation_id=ROOM, message_id=ID, text=text)
    in_room(SENT).when(command, "bob").then(MessageEdited, text=text, editor="bob")


def test_only_the_sender_edits_a_message() -> None:
    in_room(SENT).when(EditMessage(conversation_id=ROOM, message_id=ID, text="x"), "ann").rejects("not_the_author")


def test_deleted_or_missing_message_cannot_be_edited() -> None:
    command = EditMessage(conversation_id=ROOM, message_id=ID, text="x")
    in_room(SENT, DELETED).when(command, "bob").rejects("message_not_found")
    in_room().when(command, "bob").rejects("message_not_found")


def test_number_of_edits_is_limited() -> None:
    edits = [edited(str(n)) for n in range(message.VERSIONS_KEPT)]
    in_room(SENT, *edits).when(EditMessage(conversation_id=ROOM, message_id=ID, text="x"), "bob").rejects("edit_limit")


def test_message_with_all_versions_fits_into_a_document() -> None:
    mongodb, place = 16 * 1024 * 1024, 500
    said = max(4 * TEXT_CHARS, CIPHERTEXT_CHARS) + MENTIONS * (128 + 16) + place
    assert (1 + message.VERSIONS_KEPT) * said < mongodb * 3 / 4


def test_sender_or_owner_deletes_a_message_once() -> None:
    command = DeleteMessage(conversation_id=ROOM, message_id=ID)
    in_room(SENT).when(command, "bob").then(MessageDeleted, deleted_by="bob")
    in_room(SENT).when(command, "ann").then(MessageDeleted, deleted_by="ann")
    in_room(SENT, DELETED).when(command, "bob").nothing()
    in_room(SENT, DELETED).when(command, "ann").rejects("message_not_found")


def test_former_member_deletes_own_messages_only() -> None:
    command = DeleteMessage(conversation_id=ROOM, message_id=ID)
    left = fold(created(), removed("bob"))
    Given(left, after(SENT)).when(command, "bob").then(MessageDeleted, deleted_by="bob")
    Given(left, after(SENT, DELETED)).when(command, "bob").nothing()
    withdrawn = structs.replace(DELETED, deleted_by="ann")
    Given(left, after(SENT, withdrawn)).when(command, "bob").rejects("message_not_found")
    for other in (
        after(structs.replace(SENT, sender="ann")),
        after(structs.replace(SENT, conversation_id=OTHER)),
        after(),
    ):
        Given(left, other).when(command, "bob").rejects("not_a_participant")
    Given(left, after(SENT)).when(command, "eve").rejects("not_a_participant")
    owners = fold(created(participants={"ann": "owner", "bob": "owner"}), removed("ann", actor="ann"))
    Given(owners, after(SENT)).when(command, "ann").rejects("not_a_participant")
    for other_command in (edits(text="x"), says(text="x")):
        Given(left, after(SENT)).when(other_command, "bob").rejects("not_a_participant")


def test_member_cannot_delete_messages_of_others() -> None:
    given = Given(fold(created(participants={"ann": "owner", "bob": "member", "cid": "member"})), after(SENT))
    given.when(DeleteMessage(conversation_id=ROOM, message_id=ID), "cid").rejects("not_the_author")


@pytest.mark.parametrize("events", [(), (SENT,), (SENT, DELETED)], ids=["none", "there", "deleted"])
def test_earlier_messages_are_not_found_for_a_new_member(events: tuple[message.Event, ...]) -> None:
    people = {"ann": "owner", "bob": "member"}
    given = Given(fold(created(participants=people), added("cid", at_seq=1)), after(*events))
    for command in (edits(text="x"), DeleteMessage(conversation_id=ROOM, message_id=ID)):
        with pytest.raises(Rejected) as rejection:
            given.decide(command, "cid")
        assert (rejection.value.code, rejection.value.detail) == (
            "message_not_found",
            f"there is no message {ID} in this conversation",
        )


def test_edit_to_the_same_text_keeps_edited() -> None:
    assert after(SENT, edited("hello")) == Live(SENT, "hello", mentions=[], edited=False, edits=1, seq=1)


def test_edit_back_to_an_earlier_text_sets_edited() -> None:
    state = after(SENT, edited("x"), edited("hello"))
    assert state == Live(SENT, "hello", mentions=[], edited=True, edits=2, seq=1)


def test_new_ciphertext_sets_edited_and_new_mentions_do_not() -> None:
    sealed = structs.replace(SENT, text="", ciphertext="a")
    again = structs.replace(edited(""), ciphertext="b", mentions=["ann"])
    state = after(sealed, again)
    assert state == Live(sealed, "", ciphertext="b", mentions=["ann"], edited=True, edits=1, seq=1)
    assert after(sealed, structs.replace(again, ciphertext="a")) == Live(
        sealed, "", ciphertext="a", mentions=["ann"], edited=False, edits=1, seq=1
    )


def test_event_after_a_deletion_changes_nothing() -> None:
    assert after(SENT, DELETED, edited("back")) == after(SENT, DELETED)
    assert isinstance(after(SENT, DELETED, SENT), Deleted)


def test_every_event_changes_some_state() -> None:
    assert after(SENT) != Absent()
    assert after(SENT, edited("x")) != after(SENT)
    assert after(SENT, DELETED) != after(SENT)


@for_all(st.lists(st.sampled_from([SENT, edited("a"), edited("b"), edited("c", "eve"), DELETED]), max_size=12))
def test_fold_is_total_and_deletion_is_final(events: list[message.Event]) -> None:
    state: message.State = Absent()
    for event in events:
        was = state
        state = evolve(state, event)
        if isinstance(was, Deleted):
            assert state == was
