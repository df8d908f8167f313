"""An inbox is private, and changed only by its user, within their membership intervals."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import structs

from core.domain import message
from core.domain.conversation import Conversation, require_ever_member
from core.domain.decision import Rejected
from core.domain.inbox import MAX_PINS, Inbox, decide, evolve, is_archived, without_ended_archiving
from core.domain.member import Interval, Member
from schemas.commands.inbox import (
    ArchiveConversation,
    HideMessage,
    InboxCommand,
    MuteConversation,
    PinConversation,
    ReadMessages,
    UnarchiveConversation,
    UnmuteConversation,
    UnpinConversation,
)
from schemas.events.inbox import (
    ConversationArchived,
    ConversationMuted,
    ConversationPinned,
    CursorMoved,
    InboxEvent,
    MessageHidden,
)
from tests.given import AT, ROOM, TENANT, by, deleted, sent

HELLO = sent("k1", "hello")
LATER = "2026-11-20T09:30:00.001Z"

SEATED = Conversation(
    tenant=TENANT,
    conversation_id=ROOM,
    kind="group",
    created_by="ann",
    created_at=AT,
    n=3,
    members={
        "ann": Member("owner", (Interval(1),)),
        "bob": Member("member", (Interval(1, 4), Interval(9))),
        "gone": Member("member", (Interval(3, 5),)),
    },
)


def moved(seq: int, *, private: bool = False, at: str = AT, thread: str | None = None) -> CursorMoved:
    return CursorMoved(
        tenant=TENANT, at=at, user_id="bob", conversation_id=ROOM, seq=seq, private=private, thread=thread
    )


def muted(until: str | None = None, *, on: bool = True) -> ConversationMuted:
    return ConversationMuted(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, on=on, until=until)


def archived(seq: int | None = None, *, on: bool = True, keep: bool = False) -> ConversationArchived:
    return ConversationArchived(
        tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, on=on, seq=seq, keep_archived=keep
    )


def pinned(*, on: bool = True) -> ConversationPinned:
    return ConversationPinned(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, on=on)


def replace_user(event: ConversationArchived, user: str) -> ConversationArchived:
    return structs.replace(event, user_id=user)


def hidden(message_id: str = HELLO.message_id, seq: int = 0) -> MessageHidden:
    return MessageHidden(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, message_id=message_id, seq=seq)


EVENTS: st.SearchStrategy[InboxEvent] = st.one_of(
    st.builds(moved, st.integers(0, 9), private=st.booleans(), at=st.sampled_from([AT, LATER])),
    st.builds(moved, st.integers(0, 9), private=st.just(True), thread=st.sampled_from([HELLO.message_id, "other"])),
    st.builds(muted, st.sampled_from([None, LATER]), on=st.booleans()),
    st.builds(archived, st.sampled_from([None, 3]), on=st.booleans(), keep=st.booleans()),
    st.builds(pinned, on=st.booleans()),
    st.builds(hidden),
)


def decided(command: InboxCommand, actor: str = "bob", head: int = 20, about: message.State | None = None) -> object:
    context = by(actor)
    where = require_ever_member(SEATED, command.conversation_id, context.tenant, context.actor)
    events = decide(command, where, context, head=head, about=about)
    return events[0] if events else None


def refused(command: InboxCommand, actor: str = "bob", about: message.State | None = None) -> Rejected:
    with pytest.raises(Rejected) as rejection:
        decided(command, actor, about=about)
    return rejection.value


def live(seq: int) -> message.State:
    return message.evolve(message.Absent(), HELLO, seq)


# Evolve


@for_all(st.lists(EVENTS, max_size=20))
def test_cursor_only_grows_with_the_time_of_its_last_move(events: list[InboxEvent]) -> None:
    state, highest = Inbox(), 0
    for event in events:
        before, state = state, evolve(state, event, 1)
        highest = max(highest, event.seq if isinstance(event, CursorMoved) else 0)
        assert state.read == highest
        if state.read == before.read:
            assert state.read_at == before.read_at
        elif isinstance(event, CursorMoved):
            assert state.read_at == event.at


@for_all(EVENTS, st.lists(EVENTS, max_size=5))
def test_event_changes_its_own_fields_only(event: InboxEvent, before: list[InboxEvent]) -> None:
    state = Inbox()
    for one in before:
        state = evolve(state, one, 1)
    after = evolve(state, event, 1)
    match event:
        case CursorMoved():
            assert replace(after, read=state.read, read_at=state.read_at) == state
        case ConversationMuted():
            assert replace(after, muted=state.muted, muted_until=state.muted_until) == state
        case ConversationArchived():
            before_it = {name: getattr(state, name) for name in ("archived", "archived_seq", "keep_archived")}
            assert replace(after, **before_it) == state
        case ConversationPinned():
            assert replace(after, pinned=state.pinned) == state
        case MessageHidden():
            assert replace(after, hidden=state.hidden, numbered=state.numbered) == state


def test_numbered_counts_hidden_messages_with_a_number() -> None:
    state = evolve(evolve(Inbox(), hidden(), 1), hidden(seq=7), 2)
    assert (state.hidden, state.numbered) == (2, 1)


def test_unmuting_clears_the_time() -> None:
    state = evolve(Inbox(), muted(LATER), 1)
    assert (state.muted, state.muted_until) == (True, LATER)
    assert evolve(state, muted(LATER, on=False), 2) == Inbox()
    assert evolve(state, muted(), 2).muted_until is None


def test_unarchiving_clears_the_archiving() -> None:
    assert evolve(evolve(Inbox(), archived(7, keep=True), 1), archived(on=False), 2) == Inbox()
    assert evolve(evolve(Inbox(), archived(7, keep=True), 1), archived(), 2) == Inbox(archived=True)


def test_pin_keeps_its_number_until_unpinned() -> None:
    state = evolve(Inbox(), pinned(), 7)
    assert state == Inbox(pinned=7)
    assert evolve(state, pinned(), 9) == state
    assert evolve(state, pinned(on=False), 10) == Inbox()
    assert evolve(evolve(state, pinned(on=False), 10), pinned(), 11) == Inbox(pinned=11)


QUIET = Inbox(archived=True, archived_seq=7)


@pytest.mark.parametrize(
    ("state", "newest", "spoke", "away"),
    [
        (Inbox(), 9, 9, False),
        (QUIET, 7, 7, True),
        (QUIET, 8, 0, False),
        (QUIET, 8, 8, False),
        (replace(QUIET, muted=True), 8, 7, True),
        (replace(QUIET, muted=True), 9, 8, False),
        (replace(QUIET, muted=True, muted_until=LATER), 8, 0, True),
        (replace(QUIET, muted=True, muted_until=AT), 8, 0, False),
        (replace(QUIET, keep_archived=True), 8, 7, True),
        (replace(QUIET, keep_archived=True), 9, 8, False),
        (replace(QUIET, archived_seq=None), 9, 9, True),
    ],
)
def test_later_message_ends_an_archiving(state: Inbox, newest: int, spoke: int, away: bool) -> None:
    assert is_archived(state, newest=newest, spoke=spoke, at=AT) == away
    assert without_ended_archiving(state, newest=newest, spoke=spoke, at=AT).archived == away


# Decide


@pytest.mark.parametrize(
    ("actor", "asked", "head", "cut"),
    [
        ("ann", 5, 20, 5),
        ("ann", 20, 20, 20),
        ("ann", 2**53, 20, 20),
        ("bob", 30, 20, 20),
        ("gone", 30, 20, 5),
        ("gone", 4, 20, 4),
    ],
)
def test_cursor_moves_to_the_last_readable_message_at_most(actor: str, asked: int, head: int, cut: int) -> None:
    event = decided(ReadMessages(conversation_id=ROOM, seq=asked), actor, head)
    assert isinstance(event, CursorMoved)
    assert (event.seq, event.user_id, event.private) == (cut, actor, False)


def test_private_cursor_is_private() -> None:
    assert decided(ReadMessages(conversation_id=ROOM, seq=5, private=True)) == moved(5, private=True)


def test_former_member_archives_after_their_last_message() -> None:
    assert decided(ArchiveConversation(conversation_id=ROOM), "gone") == replace_user(archived(5), "gone")


@pytest.mark.parametrize("private", [False, True])
def test_thread_is_read_privately_by_its_first_message(private: bool) -> None:
    answer = sent("k2", "yes", reply_to=HELLO.message_id, thread_root=HELLO.message_id)
    about = message.evolve(message.Absent(), answer, 4)
    for state, named in ((live(3), HELLO.message_id), (about, answer.message_id)):
        command = ReadMessages(conversation_id=ROOM, seq=5, private=private, thread=named)
        assert decided(command, about=state) == moved(5, private=True, thread=HELLO.message_id)


@pytest.mark.parametrize(("actor", "seq"), [("bob", 5), ("gone", 6)])
def test_thread_needs_a_readable_message(actor: str, seq: int) -> None:
    command = ReadMessages(conversation_id=ROOM, seq=5, thread=HELLO.message_id)
    assert refused(command, actor, about=live(seq)).code == "message_not_found"
    assert refused(command, actor).code == "message_not_found"


def test_cursor_at_zero_reads_nothing() -> None:
    assert decided(ReadMessages(conversation_id=ROOM, seq=0)) is None
    assert decided(ReadMessages(conversation_id=ROOM, seq=7), head=0) is None


def test_conversation_is_muted_and_archived_and_back() -> None:
    assert decided(MuteConversation(conversation_id=ROOM, until=LATER)) == muted(LATER)
    assert decided(MuteConversation(conversation_id=ROOM)) == muted()
    assert decided(UnmuteConversation(conversation_id=ROOM)) == muted(on=False)
    assert decided(ArchiveConversation(conversation_id=ROOM)) == archived(20)
    assert decided(ArchiveConversation(conversation_id=ROOM, keep_archived=True)) == archived(20, keep=True)
    assert decided(UnarchiveConversation(conversation_id=ROOM)) == archived(on=False)


def test_number_of_pinned_conversations_is_limited() -> None:
    command, others = PinConversation(conversation_id=ROOM), [f"room {n}" for n in range(MAX_PINS - 1)]
    where = require_ever_member(SEATED, ROOM, TENANT, "bob")
    for before in ([], others, [*others, ROOM]):
        assert decide(command, where, by("bob"), pinned=before) == [pinned()]
    with pytest.raises(Rejected) as rejection:
        decide(command, where, by("bob"), pinned=[*others, "one more"])
    assert rejection.value.code == "pin_limit"
    assert decide(UnpinConversation(conversation_id=ROOM), where, by("bob")) == [pinned(on=False)]


@pytest.mark.parametrize(
    "until", [AT, "2020-01-01T00:00:00.000Z", "2027-02-30T00:00:00.000Z", "9999-99-99T99:99:99.999Z"]
)
def test_mute_needs_a_valid_future_time(until: str) -> None:
    rejection = refused(MuteConversation(conversation_id=ROOM, until=until))
    assert (rejection.code, rejection.errors) == ("validation_failed", (("/data/until", "value"),))


@pytest.mark.parametrize(("actor", "seq"), [("bob", 4), ("bob", 9), ("gone", 3)])
def test_readable_message_can_be_hidden_even_if_deleted(actor: str, seq: int) -> None:
    command = HideMessage(conversation_id=ROOM, message_id=HELLO.message_id)
    for about in (live(seq), message.evolve(live(seq), deleted(HELLO))):
        event = decided(command, actor, about=about)
        assert isinstance(event, MessageHidden)
        assert (event.user_id, event.message_id) == (actor, HELLO.message_id)


@pytest.mark.parametrize(("actor", "seq"), [("bob", 5), ("bob", 8), ("gone", 6), ("gone", 2)])
def test_unreadable_message_cannot_be_hidden(actor: str, seq: int) -> None:
    command = HideMessage(conversation_id=ROOM, message_id=HELLO.message_id)
    assert refused(command, actor, about=live(seq)).code == "message_not_found"
    assert refused(command, actor).code == "message_not_found"


COMMANDS: list[InboxCommand] = [
    ReadMessages(conversation_id=ROOM, seq=1),
    ReadMessages(conversation_id=ROOM, seq=1, thread=HELLO.message_id),
    HideMessage(conversation_id=ROOM, message_id=HELLO.message_id),
    MuteConversation(conversation_id=ROOM),
    UnmuteConversation(conversation_id=ROOM),
    ArchiveConversation(conversation_id=ROOM),
    UnarchiveConversation(conversation_id=ROOM),
    UnpinConversation(conversation_id=ROOM),
    PinConversation(conversation_id=ROOM),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_only_present_and_former_members_have_an_inbox(command: InboxCommand) -> None:
    assert refused(command, "eve", about=live(3)).code == "not_a_participant"
    assert decided(command, "gone", about=live(3)) is not None


def test_another_tenants_conversation_does_not_exist() -> None:
    for state in (None, structs.replace(SEATED, tenant="other")):
        with pytest.raises(Rejected) as rejection:
            require_ever_member(state, ROOM, TENANT, "bob")
        assert rejection.value.code == "conversation_not_found"


def test_there_is_a_case_for_every_command_and_event() -> None:
    assert {type(command) for command in COMMANDS} == set(get_args(InboxCommand))
    assert {type(event) for event in (moved(1), muted(), archived(), pinned(), hidden())} == set(get_args(InboxEvent))
