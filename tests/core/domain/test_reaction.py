"""Members add and remove reactions; repeats, and reactions beyond a limit, change nothing."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain import message, reaction
from core.domain.conversation import Conversation
from core.domain.decision import Rejected
from core.domain.emoji import look
from core.domain.member import Interval, Member
from core.domain.reaction import (
    MAX_EMOJI,
    MAX_PER_MEMBER,
    MAX_PER_MESSAGE,
    REACTIONS_KEPT,
    ReactionCommand,
    Reactions,
    Target,
    applies,
    evolve,
)
from schemas.commands.message import AddReaction, RemoveReaction
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


def reacted(user: str, emoji: str = "👍", *, on: bool = True, per_member: bool = True) -> Reacted:
    return Reacted(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        message_id=MESSAGE,
        user_id=user,
        emoji=emoji,
        on=on,
        per_member=per_member,
    )


def before(user: str, emoji: str = "👍", *, on: bool = True) -> Reacted:
    """An event decided under the old limits per message."""
    return reacted(user, emoji, on=on, per_member=False)


def after(*events: Reacted) -> Reactions:
    state = Reactions()
    for event in events:
        state = evolve(state, event)
    return state


def decided(command: ReactionCommand, actor: str, *before: Reacted, state: message.State = LIVE) -> list[Reacted]:
    return reaction.decide(Target(state, after(*before)), command, HERE, by(actor))


def refused(command: ReactionCommand, actor: str, reactions: Reactions, state: message.State = LIVE) -> str:
    with pytest.raises(Rejected) as rejection:
        reaction.decide(Target(state, reactions), command, HERE, by(actor))
    return rejection.value.code


# Decide


def test_member_reacts_to_a_message() -> None:
    assert decided(add(), "ann") == [reacted("ann")]


def test_reaction_is_removed() -> None:
    assert decided(remove(), "ann", reacted("ann")) == [reacted("ann", on=False)]


def test_user_removes_own_reactions_only() -> None:
    assert decided(remove(), "ann", reacted("bob")) == []


def test_former_member_removes_reactions_within_their_interval() -> None:
    members = {"bob": Member("member", (Interval(1, 4),)), "cem": Member("member", (Interval(1, 3),))}
    here, state = Conversation(TENANT, ROOM, "group", "ann", AT, members=members), after(reacted("bob"), reacted("cem"))
    assert reaction.decide(Target(LIVE, state), remove(), here, by("bob")) == [reacted("bob", on=False)]
    with pytest.raises(Rejected, match="message_not_found"):
        reaction.decide(Target(LIVE, state), remove(), here, by("cem"))


def test_repeated_reaction_changes_nothing() -> None:
    assert decided(add(), "ann", reacted("ann")) == []
    assert decided(remove(), "ann") == []


def test_missing_message_takes_no_reaction() -> None:
    assert refused(add(), "ann", Reactions(), message.Absent()) == "message_not_found"


def test_a_message_of_another_conversation_takes_no_reaction() -> None:
    other = AddReaction(conversation_id=ROOM, message_id=MESSAGE, emoji="👍")
    elsewhere = Conversation(TENANT, "elsewhere", "group", "ann", AT, members=HERE.members)
    with pytest.raises(Rejected, match="message_not_found"):
        reaction.decide(Target(LIVE), other, elsewhere, by("ann"))


def test_deleted_message_takes_no_reaction() -> None:
    assert refused(add(), "ann", Reactions(), GONE) == "message_not_found"
    assert refused(remove(), "ann", after(reacted("ann")), GONE) == "message_not_found"


def test_message_from_before_joining_takes_no_reaction() -> None:
    assert refused(add(), "new", Reactions()) == "message_not_found"


def test_emoji_per_member_are_limited() -> None:
    full = after(*(reacted("bob", f":e{n}:") for n in range(MAX_PER_MEMBER)))
    assert refused(add(":more:"), "bob", full) == "reaction_limit"
    assert reaction.decide(Target(LIVE, full), add(":more:"), HERE, by("ann")) == [reacted("ann", ":more:")]
    assert reaction.decide(Target(LIVE, full), add(":e1:"), HERE, by("ann")) == [reacted("ann", ":e1:")]
    less = evolve(full, reacted("bob", ":e1:", on=False))
    assert reaction.decide(Target(LIVE, less), add(":more:"), HERE, by("bob")) == [reacted("bob", ":more:")]


def test_removed_reactions_do_not_count() -> None:
    toggled = after(*(reacted("bob", on=n % 2 == 0) for n in range(2 * REACTIONS_KEPT + 1)))
    assert toggled.on == {"👍": ("bob",)}
    assert reaction.decide(Target(LIVE, toggled), add("🎉"), HERE, by("ann")) == [reacted("ann", "🎉")]
    assert reaction.decide(Target(LIVE, toggled), remove(), HERE, by("bob")) == [reacted("bob", on=False)]


def test_reactions_per_message_are_limited_and_removable() -> None:
    full = Reactions({"👍": (*(f"u{n}" for n in range(MAX_PER_MESSAGE - 1)), "ann")}, REACTIONS_KEPT)
    assert refused(add(), "bob", full) == "reaction_limit"
    assert reaction.decide(Target(LIVE, full), remove(), HERE, by("ann")) == [reacted("ann", on=False)]
    less = evolve(full, reacted("ann", on=False))
    assert reaction.decide(Target(LIVE, less), add(), HERE, by("bob")) == [reacted("bob")]


def test_invalid_emoji_is_rejected_before_the_message_lookup() -> None:
    for emoji in ("x", "lol", "👍👍", "👍 ", "1", ":no name:", "::", "é"):
        assert refused(add(emoji), "ann", Reactions(), message.Absent()) == "validation_failed", emoji


def test_equal_looking_emoji_count_once_in_full_form() -> None:
    assert decided(add("❤"), "ann") == [reacted("ann", "❤️")]
    assert decided(add("❤"), "ann", reacted("ann", "❤️")) == []
    assert decided(remove("❤︎"), "ann", reacted("ann", "❤️")) == [reacted("ann", "❤️", on=False)]


def test_emoji_no_longer_allowed_can_be_removed() -> None:
    assert decided(remove("lol"), "ann", before("ann", "lol")) == [reacted("ann", "lol", on=False)]
    both = after(before("ann", "❤"), before("ann", "❤️"))
    assert evolve(both, reacted("ann", "❤️", on=False)).on == {}


# Evolve


def test_users_and_emoji_keep_the_order_of_events() -> None:
    state = after(reacted("bob", "a"), reacted("ann", "b"), reacted("ann", "a"))
    assert list(state.on.items()) == [("a", ("bob", "ann")), ("b", ("ann",))]


def test_returning_user_is_last() -> None:
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


def test_emoji_without_users_is_removed() -> None:
    assert after(reacted("ann"), reacted("ann", on=False)).on == {}


def test_equal_looking_emoji_are_merged() -> None:
    assert after(before("bob", "❤"), reacted("ann", "❤️")).on == {"❤": ("bob", "ann")}


def test_reaction_beyond_the_member_limit_changes_nothing() -> None:
    full = after(*(reacted("bob", f":e{n}:") for n in range(MAX_PER_MEMBER)))
    assert evolve(full, reacted("bob", ":more:")).on == full.on
    assert not applies(full, reacted("bob", ":more:"))
    assert applies(full, reacted("bob", ":e1:", on=False))


def test_old_events_keep_the_old_limits() -> None:
    full = Reactions({"👍": ("ann",)}, REACTIONS_KEPT)
    for event in (before("ann", on=False), before("bob")):
        assert evolve(full, event) == full
        assert not applies(full, event)
    assert evolve(full, reacted("ann", on=False)).on == {}
    many = after(*(before("bob", f"e{n}") for n in range(MAX_EMOJI)))
    assert not applies(many, before("ann", "one more"))
    assert applies(many, reacted("ann", "🎉"))
    assert after(before("ann", "❤"), before("ann", "❤️")).on == {"❤": ("ann",), "❤️": ("ann",)}


EVENTS = st.lists(
    st.builds(
        reacted,
        st.sampled_from(["ann", "bob", "cem"]),
        st.sampled_from(["❤", "❤️", *(f":e{n}:" for n in range(MAX_PER_MEMBER + 2))]),
        on=st.booleans(),
    ),
    max_size=200,
)


@for_all(EVENTS)
def test_evolve_is_total_and_keeps_the_member_limit(events: list[Reacted]) -> None:
    state = Reactions()
    for event in events:
        last, state = state, evolve(state, event)
        assert (state.on != last.on) == applies(last, event)
        assert all(users and len(set(users)) == len(users) for users in state.on.values())
        assert len({look(emoji) for emoji in state.on}) == len(state.on)
        of_each = [user for users in state.on.values() for user in users]
        assert all(of_each.count(user) <= MAX_PER_MEMBER for user in of_each)


@for_all(EVENTS, st.data())
def test_all_reactions_can_be_removed(events: list[Reacted], data: st.DataObject) -> None:
    state = after(*events)
    while state.on:
        emoji = data.draw(st.sampled_from(sorted(state.on)))
        user = data.draw(st.sampled_from(state.on[emoji]))
        context = by(user)
        here = Conversation(TENANT, ROOM, "group", "ann", AT, members={user: Member("member", (Interval(1),))})
        (event,) = reaction.decide(Target(LIVE, state), remove(emoji), here, context)
        last, state = state, evolve(state, event)
        assert sum(map(len, state.on.values())) == sum(map(len, last.on.values())) - 1
