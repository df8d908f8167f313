"""A no is proved, and so is "that changes nothing": both were true by the log between question and answer."""

from collections.abc import Callable, Iterator, Mapping

from core.handle import conversation_of
from schemas.commands import (
    AddParticipants,
    CreateConversation,
    DeleteMessage,
    EditMessage,
    LeaveConversation,
    RemoveParticipants,
    SendMessage,
)
from tests.simulation.edges import Asked
from tests.simulation.history import History
from tests.simulation.world import World

Broken = Iterator[str]


def refused(world: World, history: History) -> Broken:
    """Law 6: every no was right by the log at some moment from question to answer."""
    for asked in world.asked:
        check = NOES.get(asked.outcome)
        if check is not None and not check(asked, history):
            yield f"law 6: {asked.context.actor} was told {asked.outcome} by {asked.edge}, and it was not so: {asked}"


def _room_of(asked: Asked) -> str:
    return conversation_of(asked.command, asked.context)


def _unknown_room(asked: Asked, history: History) -> bool:
    return None in history.room(_room_of(asked), asked)


def _outside(asked: Asked, history: History) -> bool:
    found = history.room(_room_of(asked), asked)
    return any(room is not None and not room.holds(asked.context.actor) for room in found)


def _not_managing(asked: Asked, history: History) -> bool:
    found = history.room(_room_of(asked), asked)
    return any(room is not None and not room.manages(asked.context.actor) for room in found)


def _no_message(asked: Asked, history: History) -> bool:
    command = asked.command
    assert isinstance(command, SendMessage | EditMessage | DeleteMessage)
    about = command.reply_to if isinstance(command, SendMessage) else command.message_id
    there, deleted = history.message(about or "", command.conversation_id, asked)
    return there is None or (deleted and not isinstance(command, SendMessage))


def _not_mine(asked: Asked, history: History) -> bool:
    command = asked.command
    assert isinstance(command, EditMessage | DeleteMessage)
    _, event = history.sent[command.message_id]
    others = event.body is not None and event.body["sender"] != asked.context.actor
    return others and (isinstance(command, EditMessage) or _not_managing(asked, history))


def _another_body(asked: Asked, history: History) -> bool:
    """Somebody had used the key: the record is there, or was on its way."""
    return isinstance(asked.command, SendMessage | EditMessage | AddParticipants)


NOES: Mapping[str, Callable[[Asked, History], bool]] = {
    "conversation_not_found": _unknown_room,
    "not_a_participant": _outside,
    "not_allowed": _not_managing,
    "message_not_found": _no_message,
    "not_the_author": _not_mine,
    "idempotency_conflict": _another_body,
}


def unchanged(world: World, history: History) -> Broken:
    """Law 6: "that changes nothing" is as true as a no; and what is let in or shown out is so once the log has it."""
    for asked in world.asked:
        if asked.outcome == "unchanged" and not _so_already(asked, history):
            yield f"law 6: {asked.context.actor} was told nothing changes by {asked.edge}, and it was not so: {asked}"
        if asked.outcome == "accepted" and not _done(asked, history):
            yield f"law 6: {asked.context.actor} was told yes by {asked.edge}, and the log left some out: {asked}"


def _done(asked: Asked, history: History) -> bool:
    """Whether everybody named is in, or out, once the log has it; unless the log ignores it, or it was asked before
    with other people: both are told.
    """
    command = asked.command
    if not isinstance(command, AddParticipants | RemoveParticipants):
        return True
    if history.named.get(asked.event_id) != set(command.participants):
        return True
    before, after = history.around(command.conversation_id, asked.event_id)
    if before is None or after is None or not before.manages(asked.context.actor):
        return True
    return all(after.holds(user) == isinstance(command, AddParticipants) for user in command.participants)


def _so_already(asked: Asked, history: History) -> bool:
    command, found = asked.command, history.room(_room_of(asked), asked)
    match command:
        case AddParticipants():
            return any(room and all(room.holds(user) for user in command.participants) for room in found)
        case RemoveParticipants():
            return any(room and not any(room.holds(user) for user in command.participants) for room in found)
        case LeaveConversation():
            return any(room and not room.holds(asked.context.actor) for room in found)
        case CreateConversation():
            return any(room and room.holds(asked.context.actor) for room in found)
        case DeleteMessage():
            return any(at <= asked.answered for at, _ in history.deleted.get(command.message_id, ()))
        case _:
            return True
