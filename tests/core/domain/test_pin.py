"""Members pin readable messages, up to a limit."""

from collections.abc import Iterable

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from core.domain import conversation, conversation_decisions, pin
from core.domain.conversation import MAX_PINS, Conversation
from core.domain.decision import Rejected
from core.domain.message import Absent, Deleted, Live, State
from schemas.commands.conversation import PinMessage, UnpinMessage
from schemas.events import ConversationEvent, MessagePinned, MessageSent, MessageUnpinned
from tests.core.domain.test_conversation import added, created, fold, pinned, removed
from tests.given import AT, ROOM, TENANT, Given, by

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


def given(*events: ConversationEvent, about: State | None = None, deleted: Iterable[str] = ()) -> Given:
    return Given(fold(created(), *events), live() if about is None else about, deleted=frozenset(deleted))


def test_member_pins_and_unpins() -> None:
    given().when(PIN, "bob").then(MessagePinned, message_id="m", actor="bob")
    given(pinned("m", "ann")).when(UNPIN, "bob").then(MessageUnpinned, message_id="m", actor="bob")


def test_non_member_cannot_pin_or_unpin() -> None:
    for command in (PIN, UNPIN):
        given(pinned("m")).when(command, "eve").rejects("not_a_participant")
        given(removed("bob")).when(command, "bob").rejects("not_a_participant")
        Given().when(command, "bob").rejects("conversation_not_found")


def test_missing_message_cannot_be_pinned() -> None:
    given(about=Absent()).when(PIN, "bob").rejects("message_not_found")
    given(about=live(conversation_id=ELSEWHERE)).when(PIN, "bob").rejects("message_not_found")
    given(about=Deleted(live(), "ann")).when(PIN, "bob").rejects("message_not_found")


def test_message_from_before_joining_cannot_be_pinned() -> None:
    given(added("cid", at_seq=3), about=live(3)).when(PIN, "cid").rejects("message_not_found")
    given(added("cid", at_seq=3), about=live(4)).when(PIN, "cid").then(MessagePinned)


def test_repeated_pin_or_unpin_changes_nothing() -> None:
    given(pinned("m")).when(PIN, "ann").nothing()
    given().when(UNPIN, "ann").nothing()


def test_number_of_pins_is_limited() -> None:
    full = [pinned(f"m{n}") for n in range(MAX_PINS)]
    given(*full).when(PIN, "bob").rejects("pin_limit")
    given(*full[1:]).when(PIN, "bob").then(MessagePinned)


def test_deleted_message_cannot_be_pinned_again() -> None:
    given(pinned("m"), about=Deleted(live(), "ann"), deleted=["m"]).when(PIN, "ann").rejects("message_not_found")


def test_new_pin_frees_the_places_of_deleted_messages() -> None:
    full = [pinned(f"m{n}") for n in range(MAX_PINS)]
    given(*full, deleted=["m3", "m7"]).when(PIN, "bob").then(MessagePinned, message_id="m", freed=["m3", "m7"])
    given(pinned("m1"), deleted=["m1"]).when(PIN, "bob").then(MessagePinned, freed=["m1"])
    given(pinned("m1")).when(PIN, "bob").then(MessagePinned, freed=[])


def test_pin_removes_freed_pins_if_it_applies() -> None:
    full = [pinned(f"m{n}") for n in range(MAX_PINS)]
    after = fold(created(), *full, replace(pinned("m"), freed=["m3", "unknown"]))
    assert after is not None
    assert after.pins == (*(f"m{n}" for n in range(MAX_PINS) if n != 3), "m")
    for nothing in (replace(pinned("m"), freed=["unknown"]), replace(pinned("m5"), freed=["m3"])):
        unmoved = fold(created(), *full, nothing)
        assert unmoved is not None
        assert unmoved.pins == tuple(f"m{n}" for n in range(MAX_PINS))


STEPS = st.lists(st.tuples(st.sampled_from(["pin", "unpin", "delete"]), st.integers(0, 8), st.booleans()), max_size=40)


@for_all(STEPS)
def test_place_of_a_deleted_message_is_free_on_any_view(steps: list[tuple[str, int, bool]]) -> None:
    """Some decisions have a view without the deletions; the limit is three pins here."""
    with pytest.MonkeyPatch.context() as patch:
        for where in (conversation, pin):
            patch.setattr(where, "MAX_PINS", 3)
        room, deleted = created_room(), frozenset[str]()
        for what, number, lags in steps:
            message_id, known = f"m{number}", frozenset[str]() if lags else deleted
            if what == "delete":
                deleted |= {message_id}
                continue
            command = (PinMessage if what == "pin" else UnpinMessage)(conversation_id=ROOM, message_id=message_id)
            about = Deleted(live(), "ann") if message_id in known else live()
            free = len(pin.shown(room.pins, deleted)) < 3
            try:
                decided = conversation_decisions.decide(room, command, by("ann"), about=about, deleted=known)
            except Rejected as rejection:
                assert message_id in known or (rejection.code == "pin_limit" and (lags or not free))
                continue
            for event in decided:
                room = evolved(room, event)
            assert (message_id in room.pins) == (what == "pin")
            assert len(pin.shown(room.pins, deleted)) <= len(room.pins) <= 3
        assert not set(pin.shown(room.pins, deleted)) & deleted


def created_room() -> Conversation:
    return evolved(None, created())


def evolved(state: Conversation | None, event: ConversationEvent) -> Conversation:
    after = conversation.evolve(state, event)
    assert after is not None
    return after
