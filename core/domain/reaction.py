"""Reactions to one message: who has which emoji on it, in the order in which they put it there, as the log says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from core.domain import message
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected, field_error
from core.domain.emoji import look, written
from schemas.commands import AddReaction, RemoveReaction
from schemas.events import Reacted

OWN_AT_ONCE: Final = 20
"""Maximum of emoji that one member has on a message at one time."""
ON_AT_ONCE: Final = 1_000
"""Maximum of reactions on a message at one time, of all members: they are one row, and one frame."""
REACTIONS_KEPT: Final = 1_000
"""Maximum of reactions, adding and removing alike, of which a message knows a repeat permanently."""
EMOJI_OF_ALL: Final = 50
"""Maximum of different emoji on a message, by the limits before those per member."""

ReactionCommand = AddReaction | RemoveReaction

# State


@dataclass(frozen=True, slots=True)
class Reactions:
    """`on` maps an emoji to those who have it on, both in the order of their coming; `kept` counts all that came, up
    to `REACTIONS_KEPT`.
    """

    on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept: int = 0

    def alike(self, emoji: str) -> list[str]:
        """What is on and looks like this one, the first first; several only where that was counted as different."""
        if emoji in self.on and emoji.isascii():
            return [emoji]
        bare = look(emoji)
        return [other for other in self.on if other == emoji or look(other) == bare]

    def held(self, user: str, emoji: str) -> list[str]:
        """What the user has on that looks like this one."""
        return [other for other in self.alike(emoji) if user in self.on[other]]

    def full(self, user: str) -> str:
        """Why the user can put no other emoji there; empty where they can."""
        if sum(user in users for users in self.on.values()) >= OWN_AT_ONCE:
            return f"a member has {OWN_AT_ONCE} emoji on a message at one time"
        if sum(map(len, self.on.values())) >= ON_AT_ONCE:
            return f"a message takes {ON_AT_ONCE} reactions at one time"
        return ""


@dataclass(frozen=True, slots=True)
class Target:
    """The message that a reaction is about, what is on it, and the emoji of each reaction that was ever folded, by
    the id of its event.
    """

    state: message.State = field(default_factory=message.Absent)
    reactions: Reactions = field(default_factory=Reactions)
    folded: Mapping[str, str] = field(default_factory=dict)


# Evolve


def evolve(state: Reactions, event: Reacted) -> Reactions:
    """The state after an event. Total: what is so already, and what is beyond a limit, only counts."""
    on = _turned(state, event) if applies(state, event) else state.on
    return Reactions(on, min(state.kept + 1, REACTIONS_KEPT))


def applies(state: Reactions, event: Reacted) -> bool:
    """Whether the event changes what is on the message, by the limits under which it was decided."""
    if not event.per_member:
        return _applied_before(state, event)
    there = bool(state.held(event.user_id, event.emoji))
    return there != event.on and not (event.on and state.full(event.user_id))


def _applied_before(state: Reactions, event: Reacted) -> bool:
    """The limits of a message, before there were any of a member: what they let in or kept out stays so."""
    there = event.user_id in state.on.get(event.emoji, ())
    many = event.emoji not in state.on and len(state.on) >= EMOJI_OF_ALL
    return state.kept < REACTIONS_KEPT and there != event.on and not (event.on and many)


def _turned(state: Reactions, event: Reacted) -> Mapping[str, tuple[str, ...]]:
    alike = state.alike(event.emoji) if event.per_member else [event.emoji]
    if event.on:
        emoji = next(iter(alike), event.emoji)
        return {**state.on, emoji: (*state.on.get(emoji, ()), event.user_id)}
    left = {emoji: _without(users, event.user_id) if emoji in alike else users for emoji, users in state.on.items()}
    return {emoji: users for emoji, users in left.items() if users}


def _without(users: Iterable[str], user: str) -> tuple[str, ...]:
    return tuple(other for other in users if other != user)


# Decide


def decide(target: Target, command: ReactionCommand, conversation: Conversation, context: Context) -> list[Reacted]:
    """What a reaction of a member makes happen; nothing where it is so already. Raises `Rejected`.

    Whatever one has on, one may take away: also what no longer may be put there.
    """
    adds, emoji = isinstance(command, AddReaction), written(command.emoji)
    if adds and emoji is None:
        raise field_error("emoji", "value", "a reaction is one emoji, or the name of one, such as :party:")
    message.readable(target.state, command.message_id, conversation, context)
    if isinstance(target.state, message.Deleted):
        raise Rejected("message_not_found", f"message {command.message_id} was deleted")
    held = target.reactions.held(context.actor, command.emoji)
    if bool(held) == adds:
        return []
    if adds and (why := target.reactions.full(context.actor)):
        raise Rejected("reaction_limit", why)
    return [
        Reacted(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            message_id=command.message_id,
            user_id=context.actor,
            emoji=emoji or command.emoji,
            on=adds,
            per_member=True,
        )
    ]
