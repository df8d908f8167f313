"""A message is sent, edited by its author, withdrawn by its author or an admin; the rest changes nothing."""

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
from schemas.commands import Attached, DeleteMessage, EditMessage, SendMessage
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


def test_a_send_says_which_view_it_was_decided_on_and_names_the_message_for_ever() -> None:
    command = SendMessage(conversation_id=ROOM, client_msg_id="k1", text="hello")
    in_room().when(command, "bob").then(MessageSent, message_id=ID, conversation_n=1, sender="bob")


def says(**fields: Any) -> SendMessage:
    return SendMessage(conversation_id=ROOM, client_msg_id="k2", **fields)


def edits(**fields: Any) -> EditMessage:
    return EditMessage(conversation_id=ROOM, message_id=ID, **fields)


def test_a_reply_needs_the_message_that_it_answers() -> None:
    command = says(text="yes", reply_to=ID)
    in_room().when(command, "ann").rejects("message_not_found")
    in_room(SENT).when(command, "ann").then(MessageSent, reply_to=ID)
    in_room(SENT, DELETED).when(command, "ann").then(MessageSent, reply_to=ID)


def test_who_came_later_answers_what_was_said_before() -> None:
    room = fold(created(), added("cid", at_seq=1))
    Given(room, after(SENT)).when(says(text="yes", reply_to=ID), "cid").then(MessageSent, reply_to=ID, thread_root=ID)


def test_an_answer_stands_in_the_thread_of_what_it_answers() -> None:
    in_room(SENT).when(says(text="yes", reply_to=ID), "ann").then(MessageSent, reply_to=ID, thread_root=ID)
    answer = structs.replace(SENT, reply_to=OTHER, thread_root=OTHER)
    in_room(answer).when(says(text="no", reply_to=ID), "ann").then(MessageSent, reply_to=ID, thread_root=OTHER)
    in_room().when(says(text="hi"), "ann").then(MessageSent, thread_root=None)


def test_attachments_need_no_text_and_go_with_one() -> None:
    file = Attached(media_id=OTHER, name="plan.pdf", size=7)
    kept = [Attachment(media_id=OTHER, name="plan.pdf", size=7)]
    in_room().when(says(attachments=[file]), "ann").then(MessageSent, text="", attachments=kept)
    in_room().when(says(text="see", attachments=[file]), "ann").then(MessageSent, text="see", attachments=kept)


def test_a_ciphertext_stands_for_the_text() -> None:
    in_room().when(says(ciphertext="s3cret"), "ann").then(MessageSent, text="", ciphertext="s3cret")


@pytest.mark.parametrize("command", [says, edits])
def test_a_message_says_something_in_words_or_as_a_ciphertext(command: Callable[..., Any]) -> None:
    in_room(SENT).when(command(), "bob").rejects("validation_failed", text="missing")
    in_room(SENT).when(command(text="x", ciphertext="y"), "bob").rejects("validation_failed", text="value")


def test_metadata_is_bounded_and_none_is_none() -> None:
    in_room().when(says(text="x", metadata={"a": [1]}), "ann").then(MessageSent, metadata={"a": [1]})
    in_room().when(says(text="x", metadata={}), "ann").then(MessageSent, metadata=None)
    large = {"a": "x" * METADATA_BYTES}
    in_room().when(says(text="x", metadata=large), "ann").rejects("validation_failed", metadata="bounds")


def test_members_that_are_present_are_mentioned_by_the_text_and_by_the_command() -> None:
    room = fold(created(participants={"ann": "owner", "bob": "member", "cid": "member"}), removed("cid"))
    say = says(text="@bob @cid @eve", mentions=["ann", "cid", "eve"])
    Given(room).when(say, "ann").then(MessageSent, mentions=["ann", "bob"])
    Given(room).when(says(ciphertext="@bob", mentions=["ann", "eve"]), "ann").then(MessageSent, mentions=["ann"])
    Given(room, after(SENT)).when(edits(text="@ann", mentions=["bob"]), "bob").then(
        MessageEdited, mentions=["ann", "bob"]
    )


def test_so_many_mentions_are_kept_those_of_the_command_first() -> None:
    crowd = [f"u{n:03}" for n in range(MENTIONS + 10)]
    room = fold(created(participants={"ann": "owner", **dict.fromkeys(crowd, "member")}))
    text = " ".join(f"@{user}" for user in crowd)
    sent = Given(room).when(says(text=text, mentions=[crowd[-1]]), "ann").then(MessageSent)
    assert sent.mentions == [*crowd[: MENTIONS - 1], crowd[-1]]


def test_a_text_stays_a_text_and_a_ciphertext_a_ciphertext() -> None:
    sealed = structs.replace(SENT, text="", ciphertext="a")
    in_room(SENT).when(edits(ciphertext="x"), "bob").rejects("validation_failed", ciphertext="value")
    in_room(sealed).when(edits(text="x"), "bob").rejects("validation_failed", text="value")
    in_room(sealed).when(edits(ciphertext="b"), "bob").then(MessageEdited, text="", ciphertext="b")


FILE = Attachment(media_id=OTHER, name="plan.pdf", size=7)


@pytest.mark.parametrize("said", [{"text": "a caption"}, {"text": "", "ciphertext": "a"}, {"text": ""}], ids=str)
def test_attachments_stand_alone_once_an_edit_says_nothing(said: dict[str, Any]) -> None:
    captioned = structs.replace(SENT, attachments=[FILE], **said)
    event = in_room(captioned).when(edits(mentions=["ann"]), "bob").then(MessageEdited, text="", ciphertext=None)
    assert event.mentions == ["ann"]
    state = after(captioned, event)
    assert isinstance(state, Live)
    assert (state.text, state.ciphertext, state.edited) == ("", None, said != {"text": ""})
    assert state.sent.attachments == [FILE]
    in_room(captioned).when(edits(), "ann").rejects("not_the_author")


def test_what_has_a_caption_again_has_one_of_its_kind() -> None:
    sealed = structs.replace(SENT, text="", ciphertext="a", attachments=[FILE])
    bare = in_room(sealed).when(edits(), "bob").then(MessageEdited)
    in_room(sealed, bare).when(edits(text="x"), "bob").rejects("validation_failed", text="value")
    in_room(sealed, bare).when(edits(ciphertext="b"), "bob").then(MessageEdited, ciphertext="b")
    plain = structs.replace(SENT, attachments=[FILE])
    bare = in_room(plain).when(edits(), "bob").then(MessageEdited)
    in_room(plain, bare).when(edits(ciphertext="x"), "bob").rejects("validation_failed", ciphertext="value")
    in_room(plain, bare).when(edits(text="x"), "bob").then(MessageEdited, text="x")


def test_what_has_no_attachments_is_edited_to_something() -> None:
    in_room().when(edits(), "bob").rejects("message_not_found")
    in_room(structs.replace(SENT, text="", ciphertext="a")).when(edits(), "bob").rejects(
        "validation_failed", text="missing"
    )


@pytest.mark.parametrize("text", [" ", "\x00", "\u200b\u2060", "\u3164", "\u202e\n"], ids=ascii)
@pytest.mark.parametrize("command", [says, edits])
def test_a_text_has_something_to_be_seen(command: Callable[..., Any], text: str) -> None:
    in_room(SENT).when(command(text=text), "bob").rejects("validation_failed", text="value")
    in_room(SENT).when(command(text=f"{text}.{text}"), "bob").then((MessageSent, MessageEdited), text=f"{text}.{text}")


def test_neither_a_caption_nor_a_files_name_is_blank() -> None:
    file, blank = Attached(media_id=OTHER, name="a"), Attached(media_id=OTHER, name="\u2060")
    in_room().when(says(text=" ", attachments=[file]), "ann").rejects("validation_failed", text="value")
    in_room().when(says(attachments=[file, blank]), "ann").rejects(
        "validation_failed", **{"attachments/1/name": "value"}
    )


def test_a_blank_message_of_old_is_there_and_may_be_passed_on() -> None:
    assert after(structs.replace(SENT, text=" ")) == Live(structs.replace(SENT, text=" "), " ", mentions=[], seq=1)


def test_a_stranger_says_nothing() -> None:
    in_room().when(SendMessage(conversation_id=ROOM, client_msg_id="k", text="x"), "eve").rejects("not_a_participant")


@pytest.mark.parametrize("text", ["hello", "hello!"])
def test_an_edit_is_appended_also_when_it_seems_to_change_nothing(text: str) -> None:
    command = EditMessage(conversation_id=ROOM, message_id=ID, text=text)
    in_room(SENT).when(command, "bob").then(MessageEdited, text=text, editor="bob")


def test_only_its_author_edits_a_message() -> None:
    in_room(SENT).when(EditMessage(conversation_id=ROOM, message_id=ID, text="x"), "ann").rejects("not_the_author")


def test_a_deleted_or_missing_message_is_not_edited() -> None:
    command = EditMessage(conversation_id=ROOM, message_id=ID, text="x")
    in_room(SENT, DELETED).when(command, "bob").rejects("message_not_found")
    in_room().when(command, "bob").rejects("message_not_found")


def test_a_message_takes_a_bounded_number_of_edits() -> None:
    edits = [edited(str(n)) for n in range(message.VERSIONS_KEPT)]
    in_room(SENT, *edits).when(EditMessage(conversation_id=ROOM, message_id=ID, text="x"), "bob").rejects("edit_limit")


def test_a_message_with_all_its_versions_fits_into_a_document_of_a_store() -> None:
    mongodb, place = 16 * 1024 * 1024, 500
    said = max(4 * TEXT_CHARS, CIPHERTEXT_CHARS) + MENTIONS * (128 + 16) + place
    assert (1 + message.VERSIONS_KEPT) * said < mongodb * 3 / 4


def test_its_author_or_an_owner_deletes_a_message_and_once_is_enough() -> None:
    command = DeleteMessage(conversation_id=ROOM, message_id=ID)
    in_room(SENT).when(command, "bob").then(MessageDeleted, deleted_by="bob")
    in_room(SENT).when(command, "ann").then(MessageDeleted, deleted_by="ann")
    in_room(SENT, DELETED).when(command, "bob").nothing()
    in_room(SENT, DELETED).when(command, "ann").rejects("message_not_found")


def test_who_is_no_longer_in_it_deletes_what_they_said_and_nothing_else() -> None:
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


def test_a_member_does_not_delete_what_others_said() -> None:
    given = Given(fold(created(participants={"ann": "owner", "bob": "member", "cid": "member"})), after(SENT))
    given.when(DeleteMessage(conversation_id=ROOM, message_id=ID), "cid").rejects("not_the_author")


@pytest.mark.parametrize("events", [(), (SENT,), (SENT, DELETED)], ids=["none", "there", "deleted"])
def test_what_was_said_before_one_came_is_not_there_for_them(events: tuple[message.Event, ...]) -> None:
    people = {"ann": "owner", "bob": "member"}
    given = Given(fold(created(participants=people), added("cid", at_seq=1)), after(*events))
    for command in (edits(text="x"), DeleteMessage(conversation_id=ROOM, message_id=ID)):
        with pytest.raises(Rejected) as no:
            given.decide(command, "cid")
        assert (no.value.code, no.value.detail) == (
            "message_not_found",
            f"there is no message {ID} in this conversation",
        )


def test_an_edit_that_says_the_same_leaves_edited_as_it_was() -> None:
    assert after(SENT, edited("hello")) == Live(SENT, "hello", mentions=[], edited=False, edits=1, seq=1)


def test_an_edit_back_to_an_earlier_text_is_an_edit() -> None:
    state = after(SENT, edited("x"), edited("hello"))
    assert state == Live(SENT, "hello", mentions=[], edited=True, edits=2, seq=1)


def test_another_ciphertext_is_an_edit_and_mentions_alone_are_none() -> None:
    sealed = structs.replace(SENT, text="", ciphertext="a")
    again = structs.replace(edited(""), ciphertext="b", mentions=["ann"])
    state = after(sealed, again)
    assert state == Live(sealed, "", ciphertext="b", mentions=["ann"], edited=True, edits=1, seq=1)
    assert after(sealed, structs.replace(again, ciphertext="a")) == Live(
        sealed, "", ciphertext="a", mentions=["ann"], edited=False, edits=1, seq=1
    )


def test_what_comes_after_a_deletion_changes_nothing() -> None:
    assert after(SENT, DELETED, edited("back")) == after(SENT, DELETED)
    assert isinstance(after(SENT, DELETED, SENT), Deleted)


def test_every_event_changes_some_state() -> None:
    assert after(SENT) != Absent()
    assert after(SENT, edited("x")) != after(SENT)
    assert after(SENT, DELETED) != after(SENT)


@for_all(st.lists(st.sampled_from([SENT, edited("a"), edited("b"), edited("c", "eve"), DELETED]), max_size=12))
def test_the_fold_is_total_and_a_deletion_is_final(events: list[message.Event]) -> None:
    state: message.State = Absent()
    for event in events:
        was = state
        state = evolve(state, event)
        if isinstance(was, Deleted):
            assert state == was
