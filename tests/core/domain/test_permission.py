"""Whoever acts on a person, or on what they said, stands above them; everybody acts on themselves."""

from schemas.commands import DeleteMessage
from schemas.events import MessageDeleted, Role
from tests.core.domain.test_conversation import added, applies, cast, created, fold, removed, roles
from tests.core.domain.test_message import ID, SENT, after
from tests.given import ROOM, Given

STAFF = created(participants={"ann": "owner", "abe": "owner", "bob": "admin", "ben": "admin", "cid": "member"})


def test_nobody_acts_on_who_stands_as_high_or_higher() -> None:
    state = fold(STAFF)
    for actor, others in {"bob": ("ann", "ben"), "ann": ("abe",), "cid": ("ann", "bob")}.items():
        for other in others:
            assert not applies(state, removed(other, actor=actor))
            assert not applies(state, cast(actor, **{other: "member"}))
    assert roles(fold(STAFF, removed("cid", "ben", "ann", actor="bob"))) == {
        "ann": "owner",
        "abe": "owner",
        "bob": "admin",
        "ben": "admin",
    }
    assert roles(fold(STAFF, removed("bob"), cast(ben="member", abe="member"), removed("cid", actor="cid"))) == {
        "ann": "owner",
        "abe": "owner",
        "ben": "member",
    }


def test_who_stands_higher_by_the_time_the_log_reads_it_stays() -> None:
    assert roles(fold(STAFF, cast(cid="admin"), removed("cid", actor="bob")))["cid"] == "admin"


def test_one_steps_down_and_goes_oneself() -> None:
    assert roles(fold(STAFF, cast("abe", abe="member"), removed("bob", actor="bob"))) == {
        "ann": "owner",
        "abe": "member",
        "ben": "admin",
        "cid": "member",
    }


def test_what_was_decided_before_there_were_ranks_stands() -> None:
    assert "ann" not in roles(fold(STAFF, removed("ann", actor="bob", by_rank=False)))
    assert roles(fold(STAFF, cast(abe="member", by_rank=False)))["abe"] == "member"
    assert roles(fold(STAFF, added("dee", actor="bob", role="admin", by_rank=False)))["dee"] == "admin"
    assert "dee" not in roles(fold(STAFF, added("dee", actor="bob", role="owner", by_rank=False)))


def test_whoever_deletes_what_others_said_stands_above_them() -> None:
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


def test_nobody_deletes_what_others_said_while_they_were_not_there() -> None:
    command = DeleteMessage(conversation_id=ROOM, message_id=ID)
    late = fold(created(participants={"bob": "member", "ann": "owner"}), added("ben", role="owner", at_seq=1))
    Given(late, after(SENT)).when(command, "ben").rejects("message_not_found")
    shown = fold(created(history="all"), added("ben", role="owner", at_seq=1))
    Given(shown, after(SENT)).when(command, "ben").then(MessageDeleted)
