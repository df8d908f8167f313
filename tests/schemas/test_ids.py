"""Ids are derived: the same action has the same id on any node, and no other action has it."""

from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from schemas import ids

PARTS = st.tuples(*[st.text(alphabet="ab:1 2", max_size=6)] * 5)


@given(PARTS, PARTS)
def test_different_parts_have_different_ids(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assume(one != other)
    assert ids.derive(*one) != ids.derive(*other)


@given(PARTS)
def test_the_same_parts_have_the_same_id(parts: tuple[str, ...]) -> None:
    assert ids.derive(*parts) == ids.derive(*parts)
    assert str(UUID(ids.derive(*parts))) == ids.derive(*parts)
    assert UUID(ids.derive(*parts)).version == 5


def test_an_id_never_changes() -> None:
    assert ids.message_id("acme", "room", "bob", "k1") == "edc42c7c-5066-5ee3-b8dd-9b19c86a63db"


@given(st.text(max_size=5), st.text(max_size=5))
def test_a_direct_conversation_is_the_same_for_both_users(one: str, other: str) -> None:
    assert ids.direct_conversation_id("t", one, other) == ids.direct_conversation_id("t", other, one)


def test_the_kinds_of_conversation_ids_never_collide() -> None:
    named = {
        ids.external_conversation_id("t", "x"),
        ids.direct_conversation_id("t", "", "x"),
        ids.keyed_conversation_id("t", "", "x"),
        ids.keyed_conversation_id("t", "x", ""),
        ids.message_id("t", ids.CONVERSATION, "", "x"),
    }
    assert len(named) == 5


def test_another_tenant_has_other_ids() -> None:
    assert ids.message_id("one", "room", "bob", "k") != ids.message_id("other", "room", "bob", "k")


@given(st.text(max_size=5), st.text(max_size=5))
def test_effects_of_one_event_differ_by_kind(one: str, other: str) -> None:
    assume(one != other)
    source = ids.message_id("t", "room", "bob", "k")
    assert ids.effect_id(source, one) != ids.effect_id(source, other)
