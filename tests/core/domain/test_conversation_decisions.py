"""Decisions on commands for conversations, by role."""

import pytest
from msgspec import UNSET

from core.domain.conversation import evolve
from core.domain.decision import Rejected
from core.domain.member import MAX_LEAVES
from schemas.bounds import METADATA_BYTES
from schemas.commands.conversation import (
    AddParticipants,
    CreateConversation,
    LeaveConversation,
    RemoveParticipants,
    SetRole,
    UpdateConversation,
)
from schemas.events import (
    ConversationChanged,
    ConversationCreated,
    ParticipantsAdded,
    ParticipantsRemoved,
    Role,
    RolesChanged,
)
from tests.core.domain.test_conversation import added, changed, created, fold, removed
from tests.given import ROOM, Given

AVATAR = "6f1d1f8a-0000-4000-8000-0000000000a1"
DIRECT = created(kind="direct", participants={"ann": "member", "bob": "member"})
STAFF = created(participants={"ann": "owner", "bob": "admin", "cid": "member"})


def test_creator_owns_the_group() -> None:
    event = (
        Given().when(CreateConversation(external_id="general", participants=["bob"]), "ann").then(ConversationCreated)
    )
    assert event.participants == {"bob": "member", "ann": "owner"}


def test_both_users_open_the_same_direct_conversation() -> None:
    one = Given().when(CreateConversation(kind="direct", participants=["bob"]), "ann").then(ConversationCreated)
    other = Given().when(CreateConversation(kind="direct", participants=["ann"]), "bob").then(ConversationCreated)
    assert one.conversation_id == other.conversation_id


def test_direct_conversation_has_one_other_user() -> None:
    for people in (["bob", "cid"], []):
        Given().when(CreateConversation(kind="direct", participants=people), "ann").rejects(
            "validation_failed", participants="value"
        )


def test_direct_conversation_and_group_may_be_with_oneself() -> None:
    command = CreateConversation(kind="direct", participants=["ann"])
    notes = Given().when(command, "ann").then(ConversationCreated, participants={"ann": "member"})
    Given(fold(notes)).when(command, "ann").nothing()
    Given().when(CreateConversation(participants=[]), "ann").then(ConversationCreated, participants={"ann": "owner"})


def test_direct_conversation_cannot_show_history() -> None:
    command = CreateConversation(kind="direct", participants=["bob"], history="all")
    Given().when(command, "ann").rejects("validation_failed", history="value")


def test_opening_a_direct_conversation_brings_back_former_members() -> None:
    open_it = CreateConversation(kind="direct", participants=["bob"])
    left = removed("bob", actor="bob", at_seq=3)
    Given(fold(DIRECT, left), head=5).when(open_it, "ann").then(
        ParticipantsAdded, participants={"bob": "member"}, at_seq=5, reopened=True
    )
    both = fold(DIRECT, left, removed("ann", at_seq=3))
    Given(both, head=5).when(open_it, "ann").then(ParticipantsAdded, participants={"ann": "member", "bob": "member"})


def test_opening_an_empty_group_brings_back_the_user_who_left() -> None:
    open_it = CreateConversation(external_id="general", participants=["ann"])
    members = created(participants={"ann": "owner", "bob": "member", "cid": "member"})
    inhabited = fold(members, removed("cid"), removed("bob", actor="bob"))
    Given(inhabited).when(open_it, "bob").rejects("not_a_participant")
    empty = evolve(inhabited, removed("ann"))
    Given(empty, head=5).when(open_it, "bob").then(ParticipantsAdded, participants={"bob": "owner"}, at_seq=5)
    for stranger in ("cid", "eve"):
        Given(empty).when(open_it, stranger).rejects("not_a_participant")


def test_opening_an_existing_conversation_changes_nothing() -> None:
    Given(fold(created())).when(CreateConversation(external_id="general"), "bob").nothing()


def test_opening_a_conversation_of_others_is_rejected() -> None:
    Given(fold(created())).when(CreateConversation(external_id="general"), "eve").rejects("not_a_participant")


def test_event_adds_all_users_of_the_command() -> None:
    command = AddParticipants(conversation_id=ROOM, participants=["bob", "cid", "cid"])
    event = Given(fold(created()), head=7).when(command, "ann").then(ParticipantsAdded, at_seq=7)
    assert event.participants == {"bob": "member", "cid": "member"}


def test_member_cannot_add_users() -> None:
    Given(fold(created())).when(AddParticipants(conversation_id=ROOM, participants=["cid"]), "bob").rejects(
        "not_allowed"
    )


def test_stranger_and_missing_conversation_are_rejected() -> None:
    command = LeaveConversation(conversation_id=ROOM)
    Given(fold(created())).when(command, "eve").rejects("not_a_participant")
    Given().when(command, "eve").rejects("conversation_not_found")


def test_another_tenants_conversation_does_not_exist() -> None:
    theirs = evolve(None, created().__class__(**{**created_fields(), "tenant": "other"}))
    Given(theirs).when(LeaveConversation(conversation_id=ROOM), "ann").rejects("conversation_not_found")


def created_fields() -> dict[str, object]:
    event = created()
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_event_removes_all_users_of_the_command() -> None:
    command = RemoveParticipants(conversation_id=ROOM, participants=["bob", "eve"])
    Given(fold(created()), head=4).when(command, "ann").then(ParticipantsRemoved, participants=["bob", "eve"], at_seq=4)


def test_last_owner_cannot_leave_or_be_removed_before_others() -> None:
    Given(fold(created())).when(LeaveConversation(conversation_id=ROOM), "ann").rejects("last_owner")
    both = RemoveParticipants(conversation_id=ROOM, participants=["ann", "cid"])
    Given(fold(STAFF)).when(both, "ann").rejects("last_owner")


def test_last_owner_leaves_as_last_member() -> None:
    alone = fold(created(), removed("bob"))
    Given(alone).when(LeaveConversation(conversation_id=ROOM), "ann").then(ParticipantsRemoved, participants=["ann"])
    everybody = RemoveParticipants(conversation_id=ROOM, participants=["bob", "ann"])
    Given(fold(created())).when(everybody, "ann").then(ParticipantsRemoved)


def test_one_of_two_owners_leaves() -> None:
    two = fold(created(), added("cid", role="owner"))
    Given(two).when(LeaveConversation(conversation_id=ROOM), "ann").then(ParticipantsRemoved)


def test_leaving_again_changes_nothing() -> None:
    gone = fold(created(), removed("bob"))
    Given(gone).when(LeaveConversation(conversation_id=ROOM), "bob").nothing()
    Given(gone).when(LeaveConversation(conversation_id=ROOM), "eve").rejects("not_a_participant")


def test_both_may_leave_a_direct_conversation() -> None:
    Given(fold(DIRECT)).when(LeaveConversation(conversation_id=ROOM), "ann").then(ParticipantsRemoved)


def test_user_of_equal_or_higher_rank_cannot_be_removed_or_get_a_role() -> None:
    staff = fold(STAFF, added("abe", role="owner"), added("ben", role="admin"))
    for actor, other in (("bob", "ann"), ("bob", "ben"), ("ann", "abe")):
        out = RemoveParticipants(conversation_id=ROOM, participants=["cid", other])
        Given(staff).when(out, actor).rejects("not_allowed")
    down = SetRole(conversation_id=ROOM, participants=["abe"], role="member")
    Given(staff).when(down, "ann").rejects("not_allowed")
    Given(staff).when(down, "abe").then(RolesChanged)


def test_user_who_left_is_added_again_by_owners_only_and_limited_times() -> None:
    command = AddParticipants(conversation_id=ROOM, participants=["eve", "cid"])
    left = removed("cid", actor="cid")
    Given(fold(STAFF, left)).when(command, "bob").rejects("not_allowed")
    Given(fold(STAFF, left)).when(command, "ann").then(ParticipantsAdded)
    Given(fold(STAFF, removed("cid"))).when(command, "bob").then(ParticipantsAdded)
    often = [event for _ in range(MAX_LEAVES - 1) for event in (left, added("cid"))]
    Given(fold(STAFF, *often, removed("cid"))).when(command, "bob").then(ParticipantsAdded)
    for last in ((left,), (left, added("cid", by_rank=False), removed("cid"))):
        Given(fold(STAFF, *often, *last)).when(command, "ann").rejects("not_allowed")
    assert not fold(STAFF, *often, left, added("cid")).is_member("cid")
    assert not fold(STAFF, left, added("cid", actor="bob")).is_member("cid")


def test_admin_adds_members_only() -> None:
    def adding(role: Role) -> AddParticipants:
        return AddParticipants(conversation_id=ROOM, participants=["eve"], role=role)

    Given(fold(STAFF)).when(adding("member"), "bob").then(ParticipantsAdded, by_rank=True)
    for role in ("admin", "owner"):
        Given(fold(STAFF)).when(adding(role), "bob").rejects("not_allowed")
        Given(fold(STAFF)).when(adding(role), "ann").then(ParticipantsAdded)


# Update


def test_update_event_has_the_fields_of_the_command_only() -> None:
    command = UpdateConversation(conversation_id=ROOM, title=None, metadata={"a": 1})
    Given(fold(created(title="Order"))).when(command, "ann").then(
        ConversationChanged, title=None, avatar=UNSET, metadata={"a": 1}
    )


def test_update_event_has_unchanged_fields() -> None:
    command = UpdateConversation(conversation_id=ROOM, title="Order", avatar=AVATAR)
    Given(fold(created(title="Order"))).when(command, "ann").then(ConversationChanged, title="Order", avatar=AVATAR)


def test_update_without_change_changes_nothing() -> None:
    now = fold(created(), changed(title="Order", metadata={"a": 1, "b": 2}))
    Given(now).when(UpdateConversation(conversation_id=ROOM, title="Order"), "ann").nothing()
    Given(now).when(UpdateConversation(conversation_id=ROOM, metadata={"b": 2, "a": 1}), "ann").nothing()
    Given(now).when(UpdateConversation(conversation_id=ROOM, avatar=None), "ann").nothing()


def test_only_owners_and_admins_update_a_group() -> None:
    command = UpdateConversation(conversation_id=ROOM, title="Plans")
    Given(fold(STAFF)).when(command, "ann").then(ConversationChanged)
    Given(fold(STAFF)).when(command, "bob").then(ConversationChanged)
    Given(fold(STAFF)).when(command, "cid").rejects("not_allowed")
    Given(fold(STAFF)).when(command, "eve").rejects("not_a_participant")
    Given(fold(DIRECT)).when(command, "ann").rejects("not_allowed")
    Given().when(command, "ann").rejects("conversation_not_found")


def test_only_owners_set_the_history() -> None:
    command = UpdateConversation(conversation_id=ROOM, history="all")
    Given(fold(STAFF)).when(command, "ann").then(ConversationChanged, history="all", title=UNSET)
    Given(fold(STAFF)).when(command, "bob").rejects("not_allowed")
    Given(fold(STAFF, changed(history="all"))).when(command, "ann").nothing()


def test_empty_update_is_rejected() -> None:
    Given(fold(created())).when(UpdateConversation(conversation_id=ROOM), "ann").rejects("validation_failed")


def test_metadata_is_bounded_and_the_rejection_names_the_field() -> None:
    room = '{"a":""}'
    fits = UpdateConversation(conversation_id=ROOM, metadata={"a": "x" * (METADATA_BYTES - len(room))})
    Given(fold(created())).when(fits, "ann").then(ConversationChanged)
    given, too_large = Given(fold(created())), {"a": "x" * (METADATA_BYTES - len(room) + 1)}
    with pytest.raises(Rejected) as rejection:
        given.decide(UpdateConversation(conversation_id=ROOM, metadata=too_large), "ann")
    assert (rejection.value.code, rejection.value.errors) == ("validation_failed", (("/data/metadata", "bounds"),))


# Roles


def test_owner_sets_any_role() -> None:
    command = SetRole(conversation_id=ROOM, participants=["bob", "cid", "bob"], role="owner")
    Given(fold(STAFF)).when(command, "ann").then(RolesChanged, roles={"bob": "owner", "cid": "owner"})


def test_only_owners_set_roles() -> None:
    command = SetRole(conversation_id=ROOM, participants=["cid"], role="admin")
    Given(fold(STAFF)).when(command, "bob").rejects("not_allowed")
    Given(fold(STAFF)).when(command, "cid").rejects("not_allowed")
    Given(fold(STAFF)).when(command, "eve").rejects("not_a_participant")
    Given(fold(DIRECT)).when(SetRole(conversation_id=ROOM, participants=["bob"], role="admin"), "ann").rejects(
        "not_allowed"
    )


def test_role_of_a_non_member_is_rejected() -> None:
    command = SetRole(conversation_id=ROOM, participants=["bob", "eve"], role="admin")
    Given(fold(STAFF)).when(command, "ann").rejects("participant_not_found")
    Given(fold(STAFF, added("eve"), removed("eve"))).when(command, "ann").rejects("participant_not_found")


def test_role_that_all_have_changes_nothing() -> None:
    Given(fold(STAFF)).when(SetRole(conversation_id=ROOM, participants=["bob"], role="admin"), "ann").nothing()


def test_last_owner_keeps_the_role() -> None:
    command = SetRole(conversation_id=ROOM, participants=["ann", "bob"], role="member")
    Given(fold(STAFF)).when(command, "ann").rejects("last_owner")
    Given(fold(STAFF, added("eve", role="owner"))).when(command, "ann").then(RolesChanged)


@pytest.mark.parametrize("title", [" ", "\x00", "\u200b\u2060", "\u3164"], ids=ascii)
def test_title_must_be_visible(title: str) -> None:
    Given().when(CreateConversation(title=title), "ann").rejects("validation_failed", title="value")
    update = UpdateConversation(conversation_id=ROOM, title=title)
    Given(fold(created())).when(update, "ann").rejects("validation_failed", title="value")
