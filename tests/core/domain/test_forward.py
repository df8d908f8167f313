"""A readable message is forwarded with its origin; an unreadable one is not found."""

from typing import Any

from msgspec import structs

from core.domain import conversation
from core.domain.message import ORIGINS_KEPT
from schemas import ids
from schemas.commands.message import ForwardMessage
from schemas.events import Attachment, MessageSent, Origin
from tests.core.domain.test_conversation import added, created, fold, removed
from tests.core.domain.test_message import AT, DELETED, ID, ROOM, SENT, TENANT, after, edited
from tests.given import Given

HALL = "6f1d1f8a-0000-5000-8000-000000000002"
HERE = Origin(conversation_id=ROOM, message_id=ID, sender="bob", at=AT)
FORWARD = ForwardMessage(conversation_id=HALL, client_msg_id="f1", from_conversation_id=ROOM, message_id=ID)


def passing_on(*events: Any, source: conversation.State = None) -> Given:
    """Forward a message of a room to a hall of ann and dee."""
    hall = structs.replace(created(participants={"ann": "owner", "dee": "member"}), conversation_id=HALL)
    return Given(fold(hall), after(*events), source=source or fold(created()))


def test_forward_has_the_current_content_and_origin() -> None:
    file = Attachment(media_id=HALL, name="plan.pdf")
    said = structs.replace(SENT, attachments=[file], metadata={"a": 1}, mentions=["ann"], reply_to=ID, thread_root=ID)
    event = passing_on(said, edited("hello @dee @bob")).when(FORWARD, "ann").then(MessageSent)
    assert event == MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=HALL,
        message_id=ids.message_id(TENANT, HALL, "ann", "f1"),
        sender="ann",
        client_msg_id="f1",
        text="hello @dee @bob",
        conversation_n=1,
        mentions=["dee"],
        attachments=[file],
        forwarded_from=[HERE],
    )


def test_message_is_forwarded_within_its_conversation() -> None:
    command = structs.replace(FORWARD, conversation_id=ROOM)
    given = Given(fold(created()), after(SENT), source=fold(created()))
    given.when(command, "ann").then(MessageSent, forwarded_from=[HERE])


def test_former_member_forwards_readable_messages() -> None:
    left = fold(created(participants={"ann": "owner", "bob": "owner"}), removed("ann", actor="ann", at_seq=1))
    passing_on(SENT, source=left).when(FORWARD, "ann").then(MessageSent)


def test_unreadable_message_is_not_found() -> None:
    too_late = fold(created(participants={"bob": "owner"}), added("ann", actor="bob", at_seq=1))
    passing_on(SENT, source=too_late).when(FORWARD, "ann").rejects("message_not_found")
    never_in = fold(created(participants={"bob": "owner"}))
    passing_on(SENT, source=never_in).when(FORWARD, "ann").rejects("message_not_found")
    Given(passing_on().room, after(SENT)).when(FORWARD, "ann").rejects("message_not_found")


def test_message_of_another_tenant_is_not_found() -> None:
    theirs = fold(structs.replace(created(), tenant="other"))
    passing_on(SENT, source=theirs).when(FORWARD, "ann").rejects("message_not_found")


def test_message_of_another_conversation_is_not_found() -> None:
    elsewhere = structs.replace(SENT, conversation_id=HALL)
    passing_on(elsewhere).when(FORWARD, "ann").rejects("message_not_found")


def test_missing_and_deleted_messages_are_not_found() -> None:
    passing_on().when(FORWARD, "ann").rejects("message_not_found")
    passing_on(SENT, DELETED).when(FORWARD, "ann").rejects("message_not_found")


def test_ciphertext_is_not_forwarded() -> None:
    sealed = structs.replace(SENT, text="", ciphertext="s3cret")
    passing_on(sealed).when(FORWARD, "ann").rejects("not_allowed")


def test_non_member_cannot_forward_into_a_conversation() -> None:
    passing_on(SENT).when(FORWARD, "bob").rejects("not_a_participant")


def test_chain_keeps_the_first_and_the_newest_origins() -> None:
    chain = [Origin(conversation_id=ROOM, message_id=ID, sender=f"u{n}", at=AT) for n in range(ORIGINS_KEPT)]
    event = passing_on(structs.replace(SENT, forwarded_from=chain[:-1])).when(FORWARD, "ann").then(MessageSent)
    assert event.forwarded_from == [*chain[:-1], HERE]
    event = passing_on(structs.replace(SENT, forwarded_from=chain)).when(FORWARD, "ann").then(MessageSent)
    assert event.forwarded_from == [chain[0], *chain[2:], HERE]
    assert len(event.forwarded_from) == ORIGINS_KEPT
