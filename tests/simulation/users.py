"""What people do: talk, change their minds, let others in and out, and repeat what was not answered."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.commands.command_ids import conversation_of, event_id_of
from core.domain.decision import Context
from schemas import envelope, ids
from schemas.commands import (
    AddParticipants,
    AddReaction,
    CreateConversation,
    DeleteMessage,
    EditMessage,
    ForwardMessage,
    LeaveConversation,
    PinMessage,
    RemoveParticipants,
    RemoveReaction,
    SendMessage,
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
from schemas.envelope import Record
from schemas.events import ConversationCreated, Role
from tests.simulation import words
from tests.simulation.edges import AGAIN, Asked, Command

TENANT = "acme"
PEOPLE = ("ann", "bob", "cem", "dee")
EMOJI = ("👍", "\N{HEAVY BLACK HEART}", "\N{HEAVY BLACK HEART}\ufe0f")
Ask = Callable[[Command, Context, bool], Awaitable[Asked]]


@dataclass
class Talk:
    """What people have told each other: which conversations and messages there are, whether they are or not."""

    rooms: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    pinned: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def key(self) -> str:
        self.count += 1
        return f"{self.count:08x}-0000-4000-8000-000000000000"


async def live(user: str, turns: int, talk: Talk, chance: random.Random, ask: Ask) -> None:
    """One person's day: mostly one thing after another, sometimes several at once."""
    async with asyncio.TaskGroup() as hands:
        for _ in range(turns):
            await asyncio.sleep(chance.random() ** 3 * 1.5)
            command = choose(user, talk, chance)
            if isinstance(command, AddParticipants | RemoveParticipants) and chance.random() < 0.5:
                farewell = words.said(command.conversation_id, talk.key(), talk.count, chance)
                await insist(*told(farewell, user, talk), chance, ask)
            if isinstance(command, PinMessage) and chance.random() < 0.7:
                for before in (
                    command,
                    DeleteMessage(conversation_id=command.conversation_id, message_id=command.message_id),
                ):
                    await insist(*told(before, user, talk), chance, ask)
                command = in_its_place(command, talk, chance)
            for said in burst(command, talk, chance):
                hands.create_task(insist(*told(said, user, talk), chance, ask), name=f"{user} asks")


def told(command: Command, user: str, talk: Talk) -> tuple[Command, Context]:
    """What is asked, once others have heard of it."""
    context = Context(TENANT, user, "2026-11-20T09:30:00.000Z", talk.key())
    tell(command, context, talk)
    return command, context


def in_its_place(command: PinMessage, talk: Talk, chance: random.Random) -> PinMessage:
    """Another message of the same conversation is pinned in the place of one that was deleted."""
    others = [message for where, message in talk.said if where == command.conversation_id]
    return PinMessage(conversation_id=command.conversation_id, message_id=chance.choice(others), client_key=talk.key())


def burst(command: Command, talk: Talk, chance: random.Random) -> list[Command]:
    """Some people press enter after every word, some put an emoji there and take it away and put it there again; who
    shows somebody out is talked to meanwhile.
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
    """Ask until there is an answer, and sometimes once more; sometimes with other words under the same key."""
    for attempt in range(chance.choice((1, 3, 6))):
        asked = await ask(command, context, attempt > 0 and chance.random() < 0.6)
        if asked.outcome not in AGAIN and chance.random() < 0.75:
            return
        if chance.random() < 0.15:
            command = other(command)
        await asyncio.sleep(chance.random() * 0.4 * (attempt + 1))


def tell(command: Command, context: Context, talk: Talk) -> None:
    """Others hear of it at once, before any server does."""
    if isinstance(command, CreateConversation):
        room = conversation_of(command, context)
        if room not in talk.rooms:
            talk.rooms.append(room)
    elif isinstance(command, SendMessage | ForwardMessage):
        talk.said.append((command.conversation_id, event_id_of(command, context)))
    elif isinstance(command, PinMessage):
        talk.pinned.append((command.conversation_id, command.message_id))


def choose(user: str, talk: Talk, chance: random.Random) -> Command:
    """What to do next."""
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
    """Talk with one person alone, or take notes: open it, say something, go; and open it again."""
    other, roll = chance.choice(PEOPLE), chance.random()
    where = ids.direct_conversation_id(TENANT, user, other)
    if roll < 0.4 or where not in talk.rooms:
        return CreateConversation(kind="direct", participants=[other])
    if roll < 0.7:
        return words.said(where, talk.key(), talk.count, chance)
    return LeaveConversation(conversation_id=where, client_key=talk.key())


def speak(room: str, talk: Talk, key: str, roll: float, chance: random.Random) -> Command:
    """Say something, say it otherwise, pass it on, or take it back."""
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
    """Put an emoji to something, mostly to what was said last, or take one away that may not be there."""
    where, message = talk.said[-1] if chance.random() < 0.6 else chance.choice(talk.said)
    kind = AddReaction if chance.random() < 0.6 else RemoveReaction
    return kind(conversation_id=where, message_id=message, emoji=chance.choice(EMOJI), client_key=key)


def keep(room: str, talk: Talk, key: str, chance: random.Random) -> Command:
    """What concerns nobody else: read, hear no more of it, put it away, delete something for oneself."""
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
    """Call it something else, give roles, keep something in sight or no longer."""
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
    """A conversation that is there from the beginning: of everybody with an owner and an admin, or of two owners and a
    third.
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
    """The same key with another body, where that can be."""
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
