"""Who is in a conversation is what the log says, in its order, whatever nodes thought."""

from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain.conversation import Conversation, Interval, applies, evolve
from schemas.commands import AddParticipants, CreateConversation, LeaveConversation, RemoveParticipants
from schemas.events import (
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    ParticipantsAdded,
    ParticipantsRemoved,
)
from tests.given import AT, ROOM, TENANT, Given


def created(**more: object) -> ConversationCreated:
    fields = {"kind": "group", "participants": {"ann": "owner", "bob": "member"}, **more}
    return ConversationCreated(tenant=TENANT, at=AT, conversation_id=ROOM, actor="ann", **fields)  # type: ignore[arg-type]


def added(*users: str, actor: str = "ann", at_seq: int = 0) -> ParticipantsAdded:
    people = dict.fromkeys(users, "member")
    return ParticipantsAdded(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        actor=actor,
        participants=people,
        at_seq=at_seq,  # type: ignore[arg-type]
    )


def removed(*users: str, actor: str = "ann", at_seq: int = 0) -> ParticipantsRemoved:
    return ParticipantsRemoved(
        tenant=TENANT, at=AT, conversation_id=ROOM, actor=actor, participants=list(users), at_seq=at_seq
    )


def fold(*events: ConversationEvent) -> Conversation:
    state = None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return state


def test_whoever_creates_a_group_owns_it() -> None:
    event = (
        Given().when(CreateConversation(external_id="general", participants=["bob"]), "ann").then(ConversationCreated)
    )
    assert event.participants == {"bob": "member", "ann": "owner"}


def test_two_who_open_a_direct_conversation_open_the_same_one() -> None:
    one = Given().when(CreateConversation(kind="direct", participants=["bob"]), "ann").then(ConversationCreated)
    other = Given().when(CreateConversation(kind="direct", participants=["ann"]), "bob").then(ConversationCreated)
    assert one.conversation_id == other.conversation_id


def test_a_direct_conversation_has_exactly_two() -> None:
    Given().when(CreateConversation(kind="direct", participants=["bob", "cid"]), "ann").rejects("validation_failed")
    Given().when(CreateConversation(kind="direct", participants=["ann"]), "ann").rejects("validation_failed")


def test_opening_an_open_conversation_again_changes_nothing() -> None:
    Given(fold(created())).when(CreateConversation(external_id="general"), "bob").nothing()


def test_opening_a_conversation_of_others_is_refused() -> None:
    Given(fold(created())).when(CreateConversation(external_id="general"), "eve").rejects("not_a_participant")


def test_whoever_is_named_is_added_by_the_log_if_they_are_not_in() -> None:
    command = AddParticipants(conversation_id=ROOM, participants=["bob", "cid", "cid"])
    event = Given(fold(created()), head=7).when(command, "ann").then(ParticipantsAdded, at_seq=7)
    assert event.participants == {"bob": "member", "cid": "member"}


def test_a_member_adds_nobody() -> None:
    Given(fold(created())).when(AddParticipants(conversation_id=ROOM, participants=["cid"]), "bob").rejects(
        "not_allowed"
    )


def test_a_stranger_is_told_so_and_a_missing_conversation_too() -> None:
    command = LeaveConversation(conversation_id=ROOM)
    Given(fold(created())).when(command, "eve").rejects("not_a_participant")
    Given().when(command, "eve").rejects("conversation_not_found")


def test_another_tenants_conversation_does_not_exist() -> None:
    theirs = evolve(None, created().__class__(**{**created_fields(), "tenant": "other"}))
    Given(theirs).when(LeaveConversation(conversation_id=ROOM), "ann").rejects("conversation_not_found")


def created_fields() -> dict[str, object]:
    event = created()
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_a_member_reads_from_the_message_after_joining_to_the_last_before_leaving() -> None:
    state = fold(created(), added("cid", at_seq=3), removed("cid", actor="cid", at_seq=5), added("cid", at_seq=9))
    cid = state.members["cid"]
    assert cid.intervals == (Interval(4, 5), Interval(10))
    assert [seq for seq in range(1, 13) if cid.reads(seq)] == [4, 5, 10, 11, 12]


def test_a_second_stay_never_reaches_into_the_first() -> None:
    state = fold(created(), added("cid", at_seq=3), removed("cid", at_seq=8), added("cid", at_seq=6))
    assert state.members["cid"].intervals == (Interval(4, 8), Interval(9))


def test_what_a_removed_admin_did_after_the_removal_is_ignored_but_counts() -> None:
    owner = created(participants={"ann": "owner", "bob": "admin"})
    state = fold(owner, removed("bob"), added("cid", actor="bob"))
    assert not state.holds("cid")
    assert state.n == 3
    assert not applies(fold(owner, removed("bob")), added("cid", actor="bob"))


def test_whoever_is_named_is_removed_by_the_log_if_they_are_in() -> None:
    command = RemoveParticipants(conversation_id=ROOM, participants=["bob", "eve"])
    Given(fold(created()), head=4).when(command, "ann").then(ParticipantsRemoved, participants=["bob", "eve"], at_seq=4)


def test_an_owner_renames_it_and_a_member_does_not() -> None:
    rename = ConversationChanged(tenant=TENANT, at=AT, conversation_id=ROOM, actor="ann", title="Plans")
    assert fold(created(), rename).title == "Plans"
    by_bob = ConversationChanged(tenant=TENANT, at=AT, conversation_id=ROOM, actor="bob", title="Plans")
    assert fold(created(), by_bob).title is None


EVENTS = st.one_of(
    st.builds(created),
    st.builds(added, st.sampled_from("abc"), actor=st.sampled_from(["ann", "bob", "eve"]), at_seq=st.integers(0, 9)),
    st.builds(removed, st.sampled_from("abc"), actor=st.sampled_from(["ann", "a", "eve"]), at_seq=st.integers(0, 9)),
)


@for_all(st.lists(EVENTS, max_size=20))
def test_the_fold_is_total_and_stays_never_overlap(events: list[ConversationEvent]) -> None:
    state = None
    for event in events:
        state = evolve(state, event)
    for member in state.members.values() if state else ():
        for stay, following in zip(member.intervals, member.intervals[1:], strict=False):
            assert stay.until_seq is not None
            assert stay.until_seq < following.from_seq
