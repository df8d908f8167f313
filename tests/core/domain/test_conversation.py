"""The members of a conversation follow from the log, in its order, whatever view a node had."""

from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain.conversation import MAX_PINS, Conversation, State, evolve, has_changed
from core.domain.member import Interval
from schemas.events import (
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    MessagePinned,
    MessageUnpinned,
    ParticipantsAdded,
    ParticipantsRemoved,
    Role,
    RolesChanged,
)
from tests.given import AT, ROOM, TENANT


def applies(state: State, event: ConversationEvent) -> bool:
    return has_changed(state, evolve(state, event))


def created(**more: object) -> ConversationCreated:
    fields = {"kind": "group", "participants": {"ann": "owner", "bob": "member"}, **more}
    return ConversationCreated(tenant=TENANT, at=AT, conversation_id=ROOM, actor="ann", **fields)  # type: ignore[arg-type]


def added(
    *users: str,
    actor: str = "ann",
    at_seq: int = 0,
    role: Role = "member",
    reopened: bool = False,
    by_rank: bool = True,
) -> ParticipantsAdded:
    people = dict.fromkeys(users, role)
    return ParticipantsAdded(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        actor=actor,
        participants=people,
        at_seq=at_seq,
        reopened=reopened,
        by_rank=by_rank,
    )


def removed(*users: str, actor: str = "ann", at_seq: int = 0, by_rank: bool = True) -> ParticipantsRemoved:
    return ParticipantsRemoved(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        actor=actor,
        participants=list(users),
        at_seq=at_seq,
        by_rank=by_rank,
    )


def changed(actor: str = "ann", **what: object) -> ConversationChanged:
    return ConversationChanged(tenant=TENANT, at=AT, conversation_id=ROOM, actor=actor, **what)  # type: ignore[arg-type]


def roles_changed(actor: str = "ann", *, by_rank: bool = True, **roles: Role) -> RolesChanged:
    return RolesChanged(tenant=TENANT, at=AT, conversation_id=ROOM, actor=actor, roles=roles, by_rank=by_rank)


def pinned(message_id: str, actor: str = "bob") -> MessagePinned:
    return MessagePinned(tenant=TENANT, at=AT, conversation_id=ROOM, actor=actor, message_id=message_id)


def unpinned(message_id: str, actor: str = "bob") -> MessageUnpinned:
    return MessageUnpinned(tenant=TENANT, at=AT, conversation_id=ROOM, actor=actor, message_id=message_id)


def fold(*events: ConversationEvent) -> Conversation:
    state = None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return state


def roles(state: Conversation) -> dict[str, str]:
    """Return the roles of the present members."""
    return {user: member.role for user, member in state.members.items() if member.present}


OWNERS = created(participants={"ann": "owner", "bob": "owner", "cid": "member"})


def test_member_reads_messages_between_joining_and_leaving() -> None:
    state = fold(created(), added("cid", at_seq=3), removed("cid", actor="cid", at_seq=5), added("cid", at_seq=9))
    cid = state.members["cid"]
    assert cid.intervals == (Interval(4, 5, ended_n=3, left=True), Interval(10))
    assert [seq for seq in range(1, 13) if cid.reads(seq)] == [4, 5, 10, 11, 12]


def test_removed_member_reads_messages_sent_without_knowing_the_removal() -> None:
    """The removal is the third change: a sender with view 2 did not know it."""
    cid = fold(created(), added("cid", at_seq=3), removed("cid", at_seq=5), added("cid", at_seq=9)).members["cid"]
    assert [cid.reads(seq, conversation_n) for seq, conversation_n in ((6, 2), (7, 2), (8, 3), (3, 1))] == [
        True,
        True,
        False,
        False,
    ]
    assert not cid.reads(6)


def test_second_interval_never_overlaps_the_first() -> None:
    state = fold(created(), added("cid", at_seq=3), removed("cid", at_seq=8), added("cid", at_seq=6))
    assert state.members["cid"].intervals == (Interval(4, 8, ended_n=3), Interval(9))


def test_event_of_a_removed_admin_is_ignored_but_counts() -> None:
    owner = created(participants={"ann": "owner", "bob": "admin"})
    state = fold(owner, removed("bob"), added("cid", actor="bob"))
    assert not state.is_member("cid")
    assert state.n == 3
    assert not applies(fold(owner, removed("bob")), added("cid", actor="bob"))


def test_update_changes_its_fields_only() -> None:
    first = fold(created(title="Order"), changed(avatar="a1", metadata={"b": 1, "a": [2]}))
    assert (first.title, first.avatar, first.metadata) == ("Order", "a1", '{"a":[2],"b":1}')
    second = evolve(first, changed(title=None))
    assert second is not None
    assert (second.title, second.avatar, second.metadata) == (None, "a1", '{"a":[2],"b":1}')


def test_concurrent_updates_of_different_fields_both_apply() -> None:
    state = fold(
        created(participants={"ann": "owner", "bob": "admin"}), changed(title="Plans"), changed("bob", avatar="a")
    )
    assert (state.title, state.avatar) == ("Plans", "a")


def test_member_cannot_change_title_or_roles() -> None:
    assert not applies(fold(created()), changed("bob", title="Plans"))
    assert not applies(fold(created()), roles_changed("bob", bob="owner"))


def test_direct_conversation_cannot_be_changed() -> None:
    direct = created(kind="direct", participants={"ann": "member", "bob": "member"})
    for event in (changed(title="Us"), roles_changed(bob="owner"), added("cid"), removed("bob")):
        assert not applies(fold(direct), event)


def test_only_owners_set_roles_of_present_members() -> None:
    state = fold(created(participants={"ann": "owner", "bob": "admin", "cid": "member"}), removed("cid", actor="cid"))
    assert not applies(state, roles_changed("bob", bob="owner"))
    assert not applies(state, roles_changed(cid="admin", eve="admin"))
    assert roles(fold(created(), roles_changed(bob="owner"))) == {"ann": "owner", "bob": "owner"}


def test_only_an_owner_adds_owners_and_admins() -> None:
    state = fold(created(participants={"ann": "owner", "bob": "admin"}))
    assert not applies(state, added("cid", actor="bob", role="owner"))
    assert not applies(state, added("cid", actor="bob", role="admin"))
    assert applies(state, added("cid", actor="bob", role="member"))
    assert applies(state, added("cid", role="owner"))


def test_second_of_two_concurrently_leaving_owners_stays() -> None:
    state = fold(OWNERS, removed("ann"), removed("bob", actor="bob"))
    assert roles(state) == {"bob": "owner", "cid": "member"}
    assert not applies(fold(OWNERS, removed("ann")), removed("bob", actor="bob"))


def test_second_of_two_owners_stepping_down_stays_owner() -> None:
    assert roles(fold(OWNERS, roles_changed(ann="member"), roles_changed("bob", bob="member")))["bob"] == "owner"


def test_last_owner_leaves_only_as_last_member() -> None:
    assert not applies(fold(created()), removed("ann"))
    assert roles(fold(created(), removed("bob", actor="bob"), removed("ann"))) == {}


def test_last_owner_stays_owner_even_alone() -> None:
    assert not applies(fold(created(participants={"ann": "owner"})), roles_changed(ann="member"))


def test_users_of_one_event_are_handled_in_order() -> None:
    assert roles(fold(created(), removed("ann", "bob"))) == {"ann": "owner"}
    assert roles(fold(created(), removed("bob", "ann"))) == {}
    assert roles(fold(OWNERS, removed("ann", "bob"))) == {"bob": "owner", "cid": "member"}
    assert roles(fold(OWNERS, removed("bob", "ann", by_rank=False))) == {"ann": "owner", "cid": "member"}
    assert roles(fold(OWNERS, roles_changed(ann="member", bob="member"))) == {
        "ann": "member",
        "bob": "owner",
        "cid": "member",
    }
    handed_over = fold(created(), roles_changed(bob="owner", ann="member"))
    assert roles(handed_over) == {"ann": "member", "bob": "owner"}


def test_pins_keep_the_order_of_their_events() -> None:
    state = fold(created(), pinned("m1"), pinned("m2", "ann"), pinned("m3"), unpinned("m2"))
    assert state.pins == ("m1", "m3")
    assert not applies(state, pinned("m1"))
    assert not applies(state, unpinned("m2"))
    assert fold(created(), pinned("m1"), pinned("m2"), unpinned("m1"), pinned("m1")).pins == ("m2", "m1")


def test_former_member_cannot_pin() -> None:
    assert not applies(fold(created()), pinned("m1", "eve"))
    assert not applies(fold(created(), pinned("m1"), removed("bob")), unpinned("m1", "bob"))


def test_pin_beyond_the_limit_changes_nothing() -> None:
    full = fold(created(), *(pinned(f"m{n}") for n in range(MAX_PINS)))
    assert len(full.pins) == MAX_PINS
    assert not applies(full, pinned("more"))
    assert applies(fold(created(), *(pinned(f"m{n}") for n in range(MAX_PINS)), unpinned("m0")), pinned("more"))


def test_second_creation_changes_nothing() -> None:
    assert not applies(fold(created()), created(participants={"eve": "owner"}, title="Mine"))


PEOPLE = st.sampled_from(["ann", "bob", "cid"])
SEQS = st.integers(0, 9)
ROLES: st.SearchStrategy[Role] = st.sampled_from(["owner", "admin", "member"])
EVENTS = st.one_of(
    st.builds(created),
    st.builds(
        added, PEOPLE, PEOPLE, actor=PEOPLE, at_seq=SEQS, role=ROLES, reopened=st.booleans(), by_rank=st.booleans()
    ),
    st.builds(
        lambda users, actor, at_seq, by_rank: removed(*users, actor=actor, at_seq=at_seq, by_rank=by_rank),
        st.lists(PEOPLE),
        PEOPLE,
        SEQS,
        st.booleans(),
    ),
    st.builds(
        lambda given, actor, by_rank: roles_changed(actor, by_rank=by_rank, **given),
        st.dictionaries(PEOPLE, ROLES),
        PEOPLE,
        st.booleans(),
    ),
    st.builds(lambda actor, history: changed(actor, history=history), PEOPLE, st.sampled_from(["joined", "all"])),
    st.builds(lambda actor, title: changed(actor, title=title), PEOPLE, st.sampled_from(["a", "b", None])),
    st.builds(lambda metadata: changed(metadata=metadata, avatar="x"), st.dictionaries(st.text(), st.integers())),
    st.builds(pinned, st.sampled_from("xy"), PEOPLE),
    st.builds(unpinned, st.sampled_from("xy"), PEOPLE),
)


@for_all(st.lists(EVENTS, max_size=20))
def test_fold_is_total_and_intervals_never_overlap(events: list[ConversationEvent]) -> None:
    state = None
    for event in events:
        state = evolve(state, event)
    for member in state.members.values() if state else ():
        for stay, following in zip(member.intervals, member.intervals[1:], strict=False):
            assert stay.until_seq is not None
            assert stay.until_seq < following.from_seq
            assert following.first <= following.from_seq


@for_all(st.lists(EVENTS, max_size=30))
def test_group_with_members_has_an_owner(events: list[ConversationEvent]) -> None:
    state = None
    for event in events:
        state = evolve(state, event)
        present = list(roles(state).values()) if state else []
        assert "owner" in present or not present
