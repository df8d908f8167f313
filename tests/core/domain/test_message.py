"""A message is sent, edited by its author, withdrawn by its author or an admin; the rest changes nothing."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain import message
from core.domain.message import Absent, Deleted, Live, evolve
from schemas import ids
from schemas.commands import DeleteMessage, EditMessage, SendMessage
from schemas.events import MessageDeleted, MessageEdited, MessageEvent, MessageSent
from tests.core.domain.test_conversation import created, fold
from tests.given import AT, ROOM, TENANT, Given

ID = ids.message_id(TENANT, ROOM, "bob", "k1")
SENT = MessageSent(
    tenant=TENANT,
    at=AT,
    conversation_id=ROOM,
    message_id=ID,
    sender="bob",
    client_msg_id="k1",
    text="hello",
    conversation_n=1,
)


def edited(text: str, editor: str = "bob") -> MessageEdited:
    return MessageEdited(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=ID, editor=editor, text=text)


DELETED = MessageDeleted(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=ID, deleted_by="bob")


def after(*events: MessageEvent) -> message.State:
    state: message.State = Absent()
    for event in events:
        state = evolve(state, event)
    return state


def in_room(*events: MessageEvent) -> Given:
    return Given(fold(created()), after(*events))


def test_a_send_says_which_view_it_was_decided_on_and_names_the_message_for_ever() -> None:
    command = SendMessage(conversation_id=ROOM, client_msg_id="k1", text="hello")
    in_room().when(command, "bob").then(MessageSent, message_id=ID, conversation_n=1, sender="bob")


def test_a_reply_needs_its_root() -> None:
    command = SendMessage(conversation_id=ROOM, client_msg_id="k2", text="yes", reply_to=ID)
    in_room().when(command, "ann").rejects("message_not_found")
    in_room(SENT).when(command, "ann").then(MessageSent, reply_to=ID)
    in_room(SENT, DELETED).when(command, "ann").then(MessageSent, reply_to=ID)


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


def test_its_author_or_an_owner_deletes_a_message_and_once_is_enough() -> None:
    command = DeleteMessage(conversation_id=ROOM, message_id=ID)
    in_room(SENT).when(command, "bob").then(MessageDeleted, deleted_by="bob")
    in_room(SENT).when(command, "ann").then(MessageDeleted, deleted_by="ann")
    in_room(SENT, DELETED).when(command, "bob").nothing()
    in_room(SENT, DELETED).when(command, "ann").rejects("message_not_found")


def test_a_member_does_not_delete_what_others_said() -> None:
    given = Given(fold(created(participants={"ann": "owner", "bob": "member", "cid": "member"})), after(SENT))
    given.when(DeleteMessage(conversation_id=ROOM, message_id=ID), "cid").rejects("not_the_author")


def test_an_edit_that_says_the_same_leaves_edited_as_it_was() -> None:
    assert after(SENT, edited("hello")) == Live(ROOM, "bob", "hello", "k1", None, edited=False, edits=1)


def test_an_edit_back_to_an_earlier_text_is_an_edit() -> None:
    assert after(SENT, edited("x"), edited("hello")) == Live(ROOM, "bob", "hello", "k1", None, edited=True, edits=2)


def test_what_comes_after_a_deletion_changes_nothing() -> None:
    assert after(SENT, DELETED, edited("back")) == after(SENT, DELETED)
    assert isinstance(after(SENT, DELETED, SENT), Deleted)


def test_every_event_changes_some_state() -> None:
    assert after(SENT) != Absent()
    assert after(SENT, edited("x")) != after(SENT)
    assert after(SENT, DELETED) != after(SENT)


@for_all(st.lists(st.sampled_from([SENT, edited("a"), edited("b"), edited("c", "eve"), DELETED]), max_size=12))
def test_the_fold_is_total_and_a_deletion_is_final(events: list[MessageEvent]) -> None:
    state: message.State = Absent()
    for event in events:
        was = state
        state = evolve(state, event)
        if isinstance(was, Deleted):
            assert state == was
