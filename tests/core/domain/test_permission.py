"""Acting on a user or their messages needs a higher rank; users may act on themselves."""

from schemas.commands.message import DeleteMessage
from schemas.events import MessageDeleted, Role
from tests.core.domain.test_conversation import added, applies, created, fold, removed, roles, roles_changed
from tests.core.domain.test_message import ID, SENT, after
from tests.given import ROOM, Given

STAFF = created(participants={"ann": "owner", "abe": "owner", "bob": "admin", "ben": "admin", "cid": "member"})


def test_user_of_equal_or_higher_rank_cannot_be_acted_on() -> None:
    state = fold(STAFF)
    for actor, others in {"bob": ("ann", "ben"), "ann": ("abe",), "cid": ("ann", "bob")}.items():
        for other in others:
            assert not applies(state, removed(other, actor=actor))
            assert not applies(state, roles_changed(actor, **{other: "member"}))
    assert roles(fold(STAFF, removed("cid", "ben", "ann", actor="bob"))) == {
        "ann": "owner",
        "abe": "owner",
        "bob": "admin",
        "ben": "admin",
    }
    assert roles(
        fold(STAFF, removed("bob"), roles_changed(ben="member", abe="member"), removed("cid", actor="cid"))
    ) == {
        "ann": "owner",
        "abe": "owner",
        "ben": "member",
    }


def test_user_promoted_meanwhile_is_not_affected() -> None:
    assert roles(fold(STAFF, roles_changed(cid="admin"), removed("cid", actor="bob")))["cid"] == "admin"


def test_user_may_step_down_and_leave() -> None:
    assert roles(fold(STAFF, roles_changed("abe", abe="member"), removed("bob", actor="bob"))) == {
        "ann": "owner",
        "abe": "member",
        "ben": "admin",
        "cid": "member",
    }


def test_events_from_before_ranks_keep_their_effect() -> None:
    assert "ann" not in roles(fold(STAFF, removed("ann", actor="bob", by_rank=False)))
    assert roles(fold(STAFF, roles_changed(abe="member", by_rank=False)))["abe"] == "member"
    assert roles(fold(STAFF, added("dee", actor="bob", role="admin", by_rank=False)))["dee"] == "admin"
    assert "dee" not in roles(fold(STAFF, added("dee", actor="bob", role="owner", by_rank=False)))


def test_deleting_a_message_of_another_needs_a_higher_rank() -> None:
    command = DeleteMessage(conversation_id=ROOM, message_id=ID)
    people: dict[str, Role] = {"ann": "owner", "abe": "owner", "ben": "admin", "bob": "member", "cid": "member"}
    deleters: dict[Role, set[str]] = {"member": {"ann", "abe", "ben"}, "admin": {"ann", "abe"}, "owner": set()}
    for role, allowed in deleters.items():
        room = fold(created(participants={**people, "bob": role}))
        for actor in ("ann", "abe", "ben", "cid"):
            outcome = Given(room, after(SENT)).when(command, actor)
            if actor in allowed:
                outcome.then(MessageDeleted, deleted_by=actor)
            else:
                outcome.rejects("not_the_author")
    gone = fold(created(participants={**people, "bob": "owner"}), removed("bob", actor="bob", at_seq=1))
    Given(gone, after(SENT)).when(command, "ben").then(MessageDeleted)


def test_messages_outside_ones_intervals_cannot_be_deleted() -> None:
    command = DeleteMessage(conversation_id=ROOM, message_id=ID)
    late = fold(created(participants={"bob": "member", "ann": "owner"}), added("ben", role="owner", at_seq=1))
    Given(late, after(SENT)).when(command, "ben").rejects("message_not_found")
    shown = fold(created(history="all"), added("ben", role="owner", at_seq=1))
    Given(shown, after(SENT)).when(command, "ben").then(MessageDeleted)
