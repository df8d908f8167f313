"""What people do: talk, change their minds, let others in and out, and repeat what was not answered."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from core.domain.decision import Context
from core.handle import conversation_of, event_id_of
from schemas import envelope, ids
from schemas.commands import (
    AddParticipants,
    CreateConversation,
    DeleteMessage,
    EditMessage,
    LeaveConversation,
    RemoveParticipants,
    SendMessage,
)
from schemas.envelope import Record
from schemas.events import ConversationCreated, Role
from tests.simulation.edges import AGAIN, Asked, Command

TENANT = "acme"
PEOPLE = ("ann", "bob", "cem", "dee")
Ask = Callable[[Command, Context, bool], Awaitable[Asked]]


@dataclass
class Talk:
    """What people have told each other: which conversations and messages there are, whether they are or not."""

    rooms: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
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
            for said in burst(command, talk, chance) if isinstance(command, SendMessage) else (command,):
                context = Context(TENANT, user, "2026-11-20T09:30:00.000Z", talk.key())
                tell(said, context, talk)
                hands.create_task(insist(said, context, chance, ask), name=f"{user} asks")


def burst(command: SendMessage, talk: Talk, chance: random.Random) -> list[SendMessage]:
    """Some people press enter after every word."""
    more = chance.choice((0, 0, 0, 2, 4))
    return [command] + [
        msgspec.structs.replace(command, client_msg_id=talk.key(), text=f"more {talk.count}") for _ in range(more)
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
    elif isinstance(command, SendMessage):
        talk.said.append((command.conversation_id, event_id_of(command, context)))


def choose(user: str, talk: Talk, chance: random.Random) -> Command:
    """What to do next."""
    if chance.random() < 0.04:
        return create(talk, chance)
    room = chance.choice(talk.rooms)
    others = chance.sample(PEOPLE, chance.randint(1, 2))
    key = talk.key()
    roll = chance.random()
    if roll < 0.45 or not talk.said:
        return SendMessage(conversation_id=room, client_msg_id=key, text=f"words {talk.count}")
    where, message = talk.said[-1] if chance.random() < 0.5 else chance.choice(talk.said)
    if roll < 0.55:
        return SendMessage(conversation_id=where, client_msg_id=key, text=f"answer {talk.count}", reply_to=message)
    if roll < 0.68:
        return EditMessage(conversation_id=where, message_id=message, text=f"other {talk.count}", client_key=key)
    if roll < 0.76:
        return DeleteMessage(conversation_id=where, message_id=message)
    if roll < 0.91:
        role: Role = chance.choice(("member", "member", "admin"))
        return AddParticipants(conversation_id=room, participants=others, role=role, client_key=key)
    if roll < 0.98:
        return RemoveParticipants(conversation_id=room, participants=others, client_key=key)
    return LeaveConversation(conversation_id=room, client_key=key)


def room(number: int, talk: Talk) -> Record:
    """A conversation of everybody that is there from the beginning, managed by all but the last two."""
    where = ids.external_conversation_id(TENANT, f"room {number + 1}")
    roles: dict[str, Role] = {PEOPLE[0]: "owner", PEOPLE[1]: "admin", PEOPLE[2]: "member", PEOPLE[3]: "member"}
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
        case SendMessage() | EditMessage():
            return msgspec.structs.replace(command, text=command.text + " or not")
        case AddParticipants():
            return msgspec.structs.replace(command, participants=list(reversed(PEOPLE))[:2])
        case _:
            return command
