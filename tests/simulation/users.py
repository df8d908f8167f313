"""Simulated users: they send, edit, delete, add and remove users, and retry unanswered commands."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.commands.command_ids import conversation_of, event_id_of
from core.domain.decision import Context
from schemas import envelope, ids
from schemas.commands.conversation import (
    AddParticipants,
    CreateConversation,
    LeaveConversation,
    PinMessage,
    RemoveParticipants,
    SetRole,
    UnpinMessage,
    UpdateConversation,
)
from schemas.commands.inbox import (
    ArchiveConversation,
    HideMessage,
    MuteConversation,
    PinConversation,
    ReadMessages,
    UnarchiveConversation,
    UnmuteConversation,
    UnpinConversation,
)
from schemas.commands.message import (
    AddReaction,
    DeleteMessage,
    EditMessage,
    ForwardMessage,
    RemoveReaction,
    SendMessage,
)
from schemas.envelope import Record
from schemas.events import ConversationCreated, Role
from tests.simulation import words
from tests.simulation.edges import RETRIED, Asked, Command

TENANT = "acme"
PEOPLE = ("ann", "bob", "cem", "dee")
EMOJI = ("👍", "\N{HEAVY BLACK HEART}", "\N{HEAVY BLACK HEART}\ufe0f")
Ask = Callable[[Command, Context, bool], Awaitable[Asked]]


@dataclass
class Talk:
    """The conversations and messages that users know of, whether they are in the log or not."""

    rooms: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    pinned: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def key(self) -> str:
        self.count += 1
        return f"{self.count:08x}-0000-4000-8000-000000000000"


async def live(user: str, turns: int, talk: Talk, chance: random.Random, ask: Ask) -> None:
    """Run one user: mostly one command after another, sometimes several at once."""
    async with asyncio.TaskGroup() as hands:
        for _ in range(turns):
            await asyncio.sleep(chance.random() ** 3 * 1.5)
            command = choose(user, talk, chance)
            if isinstance(command, AddParticipants | RemoveParticipants) and chance.random() < 0.5:
                farewell = words.said(command.conversation_id, talk.key(), talk.count, chance)
                await insist(*announced(farewell, user, talk), chance, ask)
            if isinstance(command, PinMessage) and chance.random() < 0.7:
                for before in (
                    command,
                    DeleteMessage(conversation_id=command.conversation_id, message_id=command.message_id),
                ):
                    await insist(*announced(before, user, talk), chance, ask)
                command = in_its_place(command, talk, chance)
            for said in burst(command, talk, chance):
                hands.create_task(insist(*announced(said, user, talk), chance, ask), name=f"{user} asks")


def announced(command: Command, user: str, talk: Talk) -> tuple[Command, Context]:
    """Announce a command to the other users. Return it with its context."""
    context = Context(TENANT, user, "2026-11-20T09:30:00.000Z", talk.key())
    announce(command, context, talk)
    return command, context


def in_its_place(command: PinMessage, talk: Talk, chance: random.Random) -> PinMessage:
    """Return a pin of another message of the conversation, in place of a deleted one."""
    others = [message for where, message in talk.said if where == command.conversation_id]
    return PinMessage(conversation_id=command.conversation_id, message_id=chance.choice(others), client_key=talk.key())


def burst(command: Command, talk: Talk, chance: random.Random) -> list[Command]:
    """Return the command with others at once: several messages, a reaction added and removed repeatedly, or messages
    during a removal.
    """
    if isinstance(command, AddReaction | RemoveReaction):
        kinds = (type(command), RemoveReaction if isinstance(command, AddReaction) else AddReaction)
        about = {name: getattr(command, name) for name in ("conversation_id", "message_id", "emoji")}
        clicks = [kinds[n % 2](**about, client_key=talk.key()) for n in range(1, chance.choice((1, 1, 2, 3, 5)))]
        return [command, *clicks]
    if isinstance(command, RemoveParticipants):
        where = command.conversation_id
        return [command, *(words.said(where, talk.key(), talk.count, chance) for _ in range(chance.choice((0, 1, 3))))]
    if not isinstance(command, SendMessage):
        return [command]
    more = chance.choice((0, 0, 0, 2, 4))
    return [command] + [
        msgspec.structs.replace(command, client_msg_id=talk.key(), text=f"more {talk.count}", ciphertext=None)
        for _ in range(more)
    ]


async def insist(command: Command, context: Context, chance: random.Random, ask: Ask) -> None:
    """Send until there is an answer, sometimes once more; sometimes with another body under the same key."""
    for attempt in range(chance.choice((1, 3, 6))):
        asked = await ask(command, context, attempt > 0 and chance.random() < 0.6)
        if asked.outcome not in RETRIED and chance.random() < 0.75:
            return
        if chance.random() < 0.15:
            command = other(command)
        await asyncio.sleep(chance.random() * 0.4 * (attempt + 1))


def announce(command: Command, context: Context, talk: Talk) -> None:
    """Let other users know of a command at once, before any server does."""
    if isinstance(command, CreateConversation):
        room = conversation_of(command, context)
        if room not in talk.rooms:
            talk.rooms.append(room)
    elif isinstance(command, SendMessage | ForwardMessage):
        talk.said.append((command.conversation_id, event_id_of(command, context)))
    elif isinstance(command, PinMessage):
        talk.pinned.append((command.conversation_id, command.message_id))


def choose(user: str, talk: Talk, chance: random.Random) -> Command:
    """Return the next command."""
    if chance.random() < 0.04:
        return create(talk, chance)
    if chance.random() < 0.06:
        return privately(user, talk, chance)
    room = chance.choice(talk.rooms)
    others = chance.sample(PEOPLE, chance.randint(1, 2))
    key = talk.key()
    if talk.said and chance.random() < 0.2:
        return react(talk, key, chance)
    if talk.said and chance.random() < 0.2:
        return keep(room, talk, key, chance)
    if talk.said and chance.random() < 0.2:
        return arrange(talk, key, chance)
    roll = chance.random()
    if roll < 0.76 or not talk.said:
        return speak(room, talk, key, roll, chance)
    if roll < 0.91:
        role: Role = chance.choice(("member", "member", "admin", "owner"))
        return AddParticipants(conversation_id=room, participants=others, role=role, client_key=key)
    if roll < 0.98:
        return RemoveParticipants(conversation_id=room, participants=others, client_key=key)
    return LeaveConversation(conversation_id=room, client_key=key)


def privately(user: str, talk: Talk, chance: random.Random) -> Command:
    """Use a direct conversation: create it, send, leave; and create it again."""
    other, roll = chance.choice(PEOPLE), chance.random()
    where = ids.direct_conversation_id(TENANT, user, other)
    if roll < 0.4 or where not in talk.rooms:
        return CreateConversation(kind="direct", participants=[other])
    if roll < 0.7:
        return words.said(where, talk.key(), talk.count, chance)
    return LeaveConversation(conversation_id=where, client_key=talk.key())


def speak(room: str, talk: Talk, key: str, roll: float, chance: random.Random) -> Command:
    """Send, edit, forward or delete a message."""
    if roll < 0.45 or not talk.said:
        return words.said(room, key, talk.count, chance)
    where, message = talk.said[-1] if chance.random() < 0.5 else chance.choice(talk.said)
    if roll < 0.55:
        return words.said(where, key, talk.count, chance, answers=message)
    if roll < 0.6:
        return words.passed_on(where, message, room, key)
    if roll < 0.68:
        return words.edited(where, message, key, talk.count, chance)
    return DeleteMessage(conversation_id=where, message_id=message)


def react(talk: Talk, key: str, chance: random.Random) -> Command:
    """Add a reaction, mostly to the last message, or remove one that may not exist."""
    where, message = talk.said[-1] if chance.random() < 0.6 else chance.choice(talk.said)
    kind = AddReaction if chance.random() < 0.6 else RemoveReaction
    return kind(conversation_id=where, message_id=message, emoji=chance.choice(EMOJI), client_key=key)


def keep(room: str, talk: Talk, key: str, chance: random.Random) -> Command:
    """Return an inbox command: read, mute, archive, pin or hide."""
    roll = chance.random()
    if roll < 0.15:
        where, message = chance.choice(talk.said)
        return ReadMessages(conversation_id=where, seq=chance.randint(0, 30), thread=message)
    if roll < 0.45:
        return ReadMessages(conversation_id=room, seq=chance.randint(0, 30), private=chance.random() < 0.3)
    if roll < 0.65:
        where, message = talk.said[-1] if chance.random() < 0.5 else chance.choice(talk.said)
        return HideMessage(conversation_id=where, message_id=message)
    if roll < 0.75:
        until = chance.choice((None, "2026-11-21T09:30:00.000Z"))
        return MuteConversation(conversation_id=room, until=until, client_key=key)
    if roll < 0.85:
        return ArchiveConversation(conversation_id=room, keep_archived=chance.random() < 0.3, client_key=key)
    kinds = (UnmuteConversation, UnarchiveConversation, PinConversation, PinConversation, UnpinConversation)
    return chance.choice(kinds)(conversation_id=room, client_key=key)


def arrange(talk: Talk, key: str, chance: random.Random) -> Command:
    """Change settings, set roles, pin or unpin a message."""
    room, roll = chance.choice(talk.rooms), chance.random()
    if roll < 0.3:
        what = {"title": f"title {talk.count}", "avatar": key, "metadata": {"count": talk.count}}
        named = chance.sample(sorted(what), chance.randint(1, 2))
        given: dict[str, Any] = {name: None if chance.random() < 0.2 else what[name] for name in named}
        given |= {"history": chance.choice(("all", "joined"))} if chance.random() < 0.4 else {}
        return UpdateConversation(conversation_id=room, client_key=key, **given)
    if roll < 0.6:
        role: Role = chance.choice(("owner", "admin", "member"))
        people = chance.sample(PEOPLE, chance.randint(1, 2))
        return SetRole(conversation_id=room, participants=people, role=role, client_key=key)
    if talk.pinned and chance.random() < 0.6:
        where, message = talk.pinned[-1] if chance.random() < 0.5 else chance.choice(talk.pinned)
        return UnpinMessage(conversation_id=where, message_id=message, client_key=key)
    where, message = chance.choice(talk.said)
    return PinMessage(conversation_id=where, message_id=message, client_key=key)


def room(number: int, talk: Talk) -> Record:
    """Return the record of an initial conversation: of all users with an owner and an admin, or of two owners and a
    member.
    """
    where = ids.external_conversation_id(TENANT, f"room {number + 1}")
    roles: dict[str, Role] = {PEOPLE[0]: "owner", PEOPLE[1]: "owner" if number else "admin", PEOPLE[2]: "member"}
    if not number:
        roles[PEOPLE[3]] = "member"
    event = ConversationCreated(
        tenant=TENANT,
        at="2026-11-20T09:00:00.000Z",
        conversation_id=where,
        actor=PEOPLE[0],
        kind="group",
        participants=roles,
    )
    talk.rooms.append(where)
    return envelope.encode(event, event_id=talk.key(), source="/before", correlation_id=talk.key(), actor=PEOPLE[0])


def create(talk: Talk, chance: random.Random) -> CreateConversation:
    roll, others = chance.random(), chance.sample(PEOPLE, chance.randint(2, 4))
    if roll < 0.1:
        return CreateConversation(kind="direct", participants=others[:1])
    if roll < 0.5:
        return CreateConversation(external_id=f"room {chance.randint(1, 2)}", participants=others)
    return CreateConversation(participants=others, client_key=talk.key())


def other(command: Command) -> Command:
    """Return the command with the same key and another body, if possible."""
    match command:
        case SendMessage() | EditMessage() | ForwardMessage():
            return words.otherwise(command)
        case AddParticipants():
            return msgspec.structs.replace(command, participants=list(reversed(PEOPLE))[:2])
        case UpdateConversation():
            return msgspec.structs.replace(command, title="another title")
        case MuteConversation():
            return msgspec.structs.replace(command, until="2026-11-22T09:30:00.000Z")
        case SetRole():
            return msgspec.structs.replace(command, role="admin" if command.role == "member" else "member")
        case AddReaction() | RemoveReaction():
            return msgspec.structs.replace(command, emoji="💀")
        case _:
            return command
