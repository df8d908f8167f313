"""Reactions to one message: who has which emoji on it, in the order in which they put it there, as the log says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from core.domain import message
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected
from schemas.commands import AddReaction, RemoveReaction
from schemas.events import Reacted

EMOJI_AT_ONCE: Final = 50
"""So many different emoji are on a message at one time."""
REACTIONS_KEPT: Final = 1_000
"""So many reactions, adding and removing alike, a message takes ever: each is known again for ever, in one row."""

ReactionCommand = AddReaction | RemoveReaction

# State


@dataclass(frozen=True, slots=True)
class Reactions:
    """`on` maps an emoji to those who have it on, both in the order of their coming; `kept` counts all that came."""

    on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept: int = 0


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
    """The state after an event. Total: beyond a limit, and where it says what is so already, it changes nothing; up to
    the limit it is counted all the same.
    """
    if state.kept >= REACTIONS_KEPT:
        return state
    on = _turned(state.on, event) if applies(state, event) else state.on
    return Reactions(on, state.kept + 1)


def applies(state: Reactions, event: Reacted) -> bool:
    """Whether the event changes what is on the message."""
    there = event.user_id in state.on.get(event.emoji, ())
    return state.kept < REACTIONS_KEPT and there != event.on and not (event.on and _many(state, event.emoji))


def _many(state: Reactions, emoji: str) -> bool:
    return emoji not in state.on and len(state.on) >= EMOJI_AT_ONCE


def _turned(on: Mapping[str, tuple[str, ...]], event: Reacted) -> Mapping[str, tuple[str, ...]]:
    users = on.get(event.emoji, ())
    if event.on:
        return {**on, event.emoji: (*users, event.user_id)}
    left = {**on, event.emoji: tuple(user for user in users if user != event.user_id)}
    return {emoji: users for emoji, users in left.items() if users}


# Decide


def decide(target: Target, command: ReactionCommand, conversation: Conversation, context: Context) -> list[Reacted]:
    """What a reaction of a member makes happen; nothing where it is so already. Raises `Rejected`."""
    message.readable(target.state, command.message_id, conversation, context)
    if isinstance(target.state, message.Deleted):
        raise Rejected("message_not_found", f"message {command.message_id} was deleted")
    adds = isinstance(command, AddReaction)
    if (context.actor in target.reactions.on.get(command.emoji, ())) == adds:
        return []
    if target.reactions.kept >= REACTIONS_KEPT:
        raise Rejected("reaction_limit", f"a message takes {REACTIONS_KEPT} reactions, those taken away included")
    if adds and _many(target.reactions, command.emoji):
        raise Rejected("reaction_limit", f"a message takes {EMOJI_AT_ONCE} different emoji at one time")
    return [
        Reacted(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            message_id=command.message_id,
            user_id=context.actor,
            emoji=command.emoji,
            on=adds,
        )
    ]
