"""Reactions is the aggregate of the reactions to one message: users by emoji, in the order of the log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from core.domain import message
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected, field_error
from core.domain.emoji import look, written
from schemas.commands.message import AddReaction, RemoveReaction
from schemas.events import Reacted

MAX_PER_MEMBER: Final = 20
"""Maximum number of emoji of one member on a message."""
MAX_PER_MESSAGE: Final = 1_000
"""Maximum number of reactions of all members on a message: they are one row, and one frame."""
REACTIONS_KEPT: Final = 1_000
"""Maximum number of reaction events, adding and removing, by which a message detects repeats permanently."""
MAX_EMOJI: Final = 50
"""Maximum number of different emoji on a message, by the old limits, before those per member."""

ReactionCommand = AddReaction | RemoveReaction

# State


@dataclass(frozen=True, slots=True)
class Reactions:
    """The reactions to a message. `on` maps an emoji to its users, both in the order of their events; `kept` counts all
    events, up to `REACTIONS_KEPT`.
    """

    on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept: int = 0

    def alike(self, emoji: str) -> list[str]:
        """Return the emoji on it that look like this one, in order; several only if the old limits kept them apart."""
        if emoji in self.on and emoji.isascii():
            return [emoji]
        bare = look(emoji)
        return [other for other in self.on if other == emoji or look(other) == bare]

    def held(self, user: str, emoji: str) -> list[str]:
        """Return the user's emoji that look like this one."""
        return [other for other in self.alike(emoji) if user in self.on[other]]

    def full(self, user: str) -> str:
        """Return why the user cannot add another emoji; empty if they can."""
        if sum(user in users for users in self.on.values()) >= MAX_PER_MEMBER:
            return f"a member has at most {MAX_PER_MEMBER} emoji on a message"
        if sum(map(len, self.on.values())) >= MAX_PER_MESSAGE:
            return f"a message has at most {MAX_PER_MESSAGE} reactions"
        return ""


@dataclass(frozen=True, slots=True)
class Target:
    """The message of a reaction, the reactions on it, and the emoji of each reaction that was ever folded, by the id of
    its event.
    """

    state: message.State = field(default_factory=message.Absent)
    reactions: Reactions = field(default_factory=Reactions)
    folded: Mapping[str, str] = field(default_factory=dict)


# Evolve


def evolve(state: Reactions, event: Reacted) -> Reactions:
    """Return the state after an event. Total: an event that repeats or exceeds a limit only counts."""
    on = _on_after(state, event) if applies(state, event) else state.on
    return Reactions(on, min(state.kept + 1, REACTIONS_KEPT))


def applies(state: Reactions, event: Reacted) -> bool:
    """Return whether the event changes the reactions, by the limits under which it was decided."""
    if not event.per_member:
        return _applied_before(state, event)
    there = bool(state.held(event.user_id, event.emoji))
    return there != event.on and not (event.on and state.full(event.user_id))


def _applied_before(state: Reactions, event: Reacted) -> bool:
    """Apply the old limits per message, before those per member, to old events: their effect must not change."""
    there = event.user_id in state.on.get(event.emoji, ())
    many = event.emoji not in state.on and len(state.on) >= MAX_EMOJI
    return state.kept < REACTIONS_KEPT and there != event.on and not (event.on and many)


def _on_after(state: Reactions, event: Reacted) -> Mapping[str, tuple[str, ...]]:
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
    """Decide a reaction of a member; no event if it changes nothing. Raises `Rejected`.

    A user may remove any of their emoji, including those that may no longer be added.
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
