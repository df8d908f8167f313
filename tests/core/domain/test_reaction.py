"""A member puts an emoji to a message and takes it away again; what is so already or beyond a limit changes nothing."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain import message, reaction
from core.domain.conversation import Conversation, Interval, Member
from core.domain.decision import Rejected
from core.domain.reaction import EMOJI_AT_ONCE, REACTIONS_KEPT, ReactionCommand, Reactions, Target, applies, evolve
from schemas.commands import AddReaction, RemoveReaction
from schemas.events import Reacted
from tests.given import AT, ROOM, TENANT, by, deleted, sent

SENT = sent()
MESSAGE = SENT.message_id
LIVE = message.evolve(message.Absent(), SENT, 4)
GONE = message.evolve(LIVE, deleted(SENT))
HERE = Conversation(
    TENANT,
    ROOM,
    "group",
    "ann",
    AT,
    members={
        "ann": Member("owner", (Interval(1),)),
        "bob": Member("member", (Interval(1),)),
        "new": Member("member", (Interval(5),)),
    },
)


def add(emoji: str = "👍") -> AddReaction:
    return AddReaction(conversation_id=ROOM, message_id=MESSAGE, emoji=emoji)


def remove(emoji: str = "👍") -> RemoveReaction:
    return RemoveReaction(conversation_id=ROOM, message_id=MESSAGE, emoji=emoji)


def reacted(user: str, emoji: str = "👍", *, on: bool = True) -> Reacted:
    return Reacted(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=MESSAGE, user_id=user, emoji=emoji, on=on)


def after(*events: Reacted) -> Reactions:
    state = Reactions()
    for event in events:
        state = evolve(state, event)
    return state


def decided(command: ReactionCommand, actor: str, *before: Reacted, state: message.State = LIVE) -> list[Reacted]:
    return reaction.decide(Target(state, after(*before)), command, HERE, by(actor))


def refused(command: ReactionCommand, actor: str, reactions: Reactions, state: message.State = LIVE) -> str:
    with pytest.raises(Rejected) as no:
        reaction.decide(Target(state, reactions), command, HERE, by(actor))
    return no.value.code


# Decide


def test_a_member_reacts_to_a_message() -> None:
    assert decided(add(), "ann") == [reacted("ann")]


def test_what_was_put_there_is_taken_away() -> None:
    assert decided(remove(), "ann", reacted("ann")) == [reacted("ann", on=False)]


def test_one_takes_away_only_what_is_ones_own() -> None:
    assert decided(remove(), "ann", reacted("bob")) == []


def test_what_is_so_already_changes_nothing() -> None:
    assert decided(add(), "ann", reacted("ann")) == []
    assert decided(remove(), "ann") == []


def test_a_message_that_is_not_there_takes_no_reaction() -> None:
    assert refused(add(), "ann", Reactions(), message.Absent()) == "message_not_found"


def test_a_message_of_another_conversation_takes_no_reaction() -> None:
    other = AddReaction(conversation_id=ROOM, message_id=MESSAGE, emoji="👍")
    elsewhere = Conversation(TENANT, "elsewhere", "group", "ann", AT, members=HERE.members)
    with pytest.raises(Rejected, match="message_not_found"):
        reaction.decide(Target(LIVE), other, elsewhere, by("ann"))


def test_a_deleted_message_takes_no_reaction() -> None:
    assert refused(add(), "ann", Reactions(), GONE) == "message_not_found"
    assert refused(remove(), "ann", after(reacted("ann")), GONE) == "message_not_found"


def test_a_message_from_before_ones_stay_takes_no_reaction() -> None:
    assert refused(add(), "new", Reactions()) == "message_not_found"


def test_a_message_takes_so_many_different_emoji_at_one_time() -> None:
    full = after(*(reacted("bob", f"e{n}") for n in range(EMOJI_AT_ONCE)))
    assert refused(add("one more"), "ann", full) == "reaction_limit"
    assert reaction.decide(Target(LIVE, full), add("e1"), HERE, by("ann")) == [reacted("ann", "e1")]
    less = evolve(full, reacted("bob", "e1", on=False))
    assert reaction.decide(Target(LIVE, less), add("one more"), HERE, by("ann")) == [reacted("ann", "one more")]


def test_a_message_takes_so_many_reactions_ever() -> None:
    full = Reactions({"👍": ("ann",)}, REACTIONS_KEPT)
    assert refused(add("new"), "ann", full) == "reaction_limit"
    assert refused(remove(), "ann", full) == "reaction_limit"
    assert reaction.decide(Target(LIVE, full), add(), HERE, by("ann")) == []


# Evolve


def test_people_and_emoji_stand_in_the_order_of_their_coming() -> None:
    state = after(reacted("bob", "a"), reacted("ann", "b"), reacted("ann", "a"))
    assert list(state.on.items()) == [("a", ("bob", "ann")), ("b", ("ann",))]


def test_whoever_comes_back_stands_at_the_end() -> None:
    state = after(
        reacted("bob", "a"),
        reacted("ann", "a"),
        reacted("ann", "b"),
        reacted("bob", "a", on=False),
        reacted("bob", "a"),
    )
    assert list(state.on.items()) == [("a", ("ann", "bob")), ("b", ("ann",))]
    emptied = evolve(evolve(state, reacted("ann", "b", on=False)), reacted("bob", "b"))
    assert emptied.on == {"a": ("ann", "bob"), "b": ("bob",)}


def test_an_emoji_that_nobody_has_on_is_gone() -> None:
    assert after(reacted("ann"), reacted("ann", on=False)).on == {}


def test_what_came_beyond_the_limit_changes_nothing() -> None:
    full = Reactions({"👍": ("ann",)}, REACTIONS_KEPT)
    assert evolve(full, reacted("ann", on=False)) == full
    assert not applies(full, reacted("ann", on=False))


EVENTS = st.lists(
    st.builds(
        lambda user, emoji, on: reacted(user, emoji, on=on),
        st.sampled_from(["ann", "bob", "cem"]),
        st.sampled_from([f"e{n}" for n in range(EMOJI_AT_ONCE + 2)]),
        st.booleans(),
    ),
    max_size=200,
)


@for_all(EVENTS)
def test_evolving_is_total_and_an_event_that_does_not_apply_is_counted_alone(events: list[Reacted]) -> None:
    state = Reactions()
    for event in events:
        before, state = state, evolve(state, event)
        assert state.kept == before.kept + 1
        assert len(state.on) <= EMOJI_AT_ONCE
        assert (state.on != before.on) == applies(before, event)
        assert all(users and len(set(users)) == len(users) for users in state.on.values())
