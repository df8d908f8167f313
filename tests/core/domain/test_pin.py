"""Whoever is in a conversation pins what they may read of it, up to a limit."""

from core.domain.conversation import PINS
from core.domain.message import Absent, Deleted, Live, State
from schemas.commands import PinMessage, UnpinMessage
from schemas.events import ConversationEvent, MessagePinned, MessageSent, MessageUnpinned
from tests.core.domain.test_conversation import added, created, fold, pinned, removed
from tests.given import AT, ROOM, TENANT, Given

ELSEWHERE = "6f1d1f8a-0000-5000-8000-000000000002"
PIN = PinMessage(conversation_id=ROOM, message_id="m")
UNPIN = UnpinMessage(conversation_id=ROOM, message_id="m")


def live(seq: int = 1, conversation_id: str = ROOM) -> Live:
    sent = MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=conversation_id,
        message_id="m",
        sender="ann",
        client_msg_id="k",
        text="hello",
        conversation_n=1,
    )
    return Live(sent, "hello", seq=seq)


def given(*events: ConversationEvent, about: State | None = None) -> Given:
    return Given(fold(created(), *events), live() if about is None else about)


def test_any_member_pins_and_unpins() -> None:
    given().when(PIN, "bob").then(MessagePinned, message_id="m", actor="bob")
    given(pinned("m", "ann")).when(UNPIN, "bob").then(MessageUnpinned, message_id="m", actor="bob")


def test_who_is_not_in_it_neither_pins_nor_unpins() -> None:
    for command in (PIN, UNPIN):
        given(pinned("m")).when(command, "eve").rejects("not_a_participant")
        given(removed("bob")).when(command, "bob").rejects("not_a_participant")
        Given().when(command, "bob").rejects("conversation_not_found")


def test_a_message_that_is_not_there_is_not_pinned() -> None:
    given(about=Absent()).when(PIN, "bob").rejects("message_not_found")
    given(about=live(conversation_id=ELSEWHERE)).when(PIN, "bob").rejects("message_not_found")
    given(about=Deleted(live(), "ann")).when(PIN, "bob").rejects("message_not_found")


def test_a_message_from_before_one_came_is_not_ones_to_pin() -> None:
    given(added("cid", at_seq=3), about=live(3)).when(PIN, "cid").rejects("message_not_found")
    given(added("cid", at_seq=3), about=live(4)).when(PIN, "cid").then(MessagePinned)


def test_to_pin_what_is_pinned_and_to_unpin_what_is_not_changes_nothing() -> None:
    given(pinned("m")).when(PIN, "ann").nothing()
    given(pinned("m"), about=Deleted(live(), "ann")).when(PIN, "ann").nothing()
    given().when(UNPIN, "ann").nothing()


def test_there_are_so_many_pins_and_no_more() -> None:
    full = [pinned(f"m{n}") for n in range(PINS)]
    given(*full).when(PIN, "bob").rejects("pin_limit")
    given(*full[1:]).when(PIN, "bob").then(MessagePinned)
