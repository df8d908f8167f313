"""Check rejections and "changes nothing": by the log both were right at some moment from command to answer."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import UNSET

from core.commands.command_ids import conversation_of, named_by
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
from schemas.commands.inbox import HideMessage, MuteConversation, ReadMessages
from schemas.commands.message import (
    AddReaction,
    DeleteMessage,
    EditMessage,
    ForwardMessage,
    RemoveReaction,
    SendMessage,
)
from tests.simulation.edges import Asked
from tests.simulation.history import History
from tests.simulation.rooms import SHOWN, Room
from tests.simulation.sights import reads
from tests.simulation.words import BLANK
from tests.simulation.world import World

Broken = Iterator[str]


def refused(world: World, history: History) -> Broken:
    """Law 6: every rejection was right by the log at some moment from command to answer."""
    for asked in world.asked:
        check = REFUSAL_CHECKS.get(asked.outcome)
        if check is not None and not check(asked, history):
            yield f"law 6: {asked.context.actor} got {asked.outcome} from {asked.edge}, and it was wrong: {asked}"


def _room_of(asked: Asked) -> str:
    return conversation_of(asked.command, asked.context)


def _unknown_room(asked: Asked, history: History) -> bool:
    return None in history.room(_room_of(asked), asked)


def _outside(asked: Asked, history: History) -> bool:
    found = history.room(_room_of(asked), asked)
    return any(room is not None and not room.is_member(asked.context.actor) for room in found)


def _not_managing(asked: Asked, history: History) -> bool:
    """Return whether it needs a manager, or owner, of the group, and the actor was none; or is never allowed."""
    if isinstance(asked.command, ForwardMessage):
        _, event = history.sent[asked.command.message_id]
        return event.body is not None and "ciphertext" in event.body
    return any(room is not None and not _may(asked, room) for room in history.room(_room_of(asked), asked))


def _may(asked: Asked, room: Room) -> bool:
    command, actor = asked.command, asked.context.actor
    match command:
        case SetRole():
            others = [user for user in command.participants if room.roles().get(user) != command.role]
            return room.owns(actor) and all(room.above(actor, user) for user in others)
        case AddParticipants():
            return room.can_assign(actor, command.role) and all(
                room.can_add(actor, user) for user in command.participants
            )
        case RemoveParticipants():
            return room.can_manage(actor) and all(room.above(actor, user) for user in command.participants)
        case UpdateConversation():
            return room.can_manage(actor) and (command.history is UNSET or room.owns(actor))
        case _:
            return room.can_manage(actor)


def _absent(asked: Asked, history: History) -> bool:
    command = asked.command
    assert isinstance(command, SetRole)
    found = history.room(_room_of(asked), asked)
    return any(room is not None and not all(map(room.is_member, command.participants)) for room in found)


def _last_owner(asked: Asked, history: History) -> bool:
    """Return whether the room would have lost its last owner."""
    found = history.room(_room_of(asked), asked)
    return any(room is not None and room.owners_kept(*_asks(asked)) for room in found)


def _asks(asked: Asked) -> tuple[str, dict[str, Any]]:
    """Return the type and body of the event of a command."""
    command, actor = asked.command, asked.context.actor
    if isinstance(command, SetRole):
        roles = dict.fromkeys(command.participants, command.role)
        return "caas.conversation.roles-changed", {"actor": actor, "roles": roles}
    people = command.participants if isinstance(command, RemoveParticipants) else [actor]
    return "caas.conversation.participants-removed", {"actor": actor, "participants": people, "at_seq": 0}


def _no_message(asked: Asked, history: History) -> bool:
    command = asked.command
    if isinstance(command, AddReaction | RemoveReaction | PinMessage):
        there, deleted = history.message(command.message_id, command.conversation_id, asked)
        return there is None or deleted or _hidden(command.message_id, asked, history)
    if isinstance(command, HideMessage | ReadMessages):
        named = named_by(command) or ""
        there, _ = history.message(named, command.conversation_id, asked)
        return there is None or _hidden(named, asked, history)
    if isinstance(command, SendMessage):
        there, _ = history.message(command.reply_to or "", command.conversation_id, asked)
        return there is None
    if isinstance(command, ForwardMessage):
        there, deleted = history.message(command.message_id, command.from_conversation_id, asked)
        return there is None or deleted or _hidden(command.message_id, asked, history, command.from_conversation_id)
    assert isinstance(command, EditMessage | DeleteMessage)
    there, deleted = history.message(command.message_id, command.conversation_id, asked)
    if there is None or deleted:
        return True
    anothers = there.body is None or there.body["sender"] != asked.context.actor
    return anothers and _hidden(command.message_id, asked, history)


def _hidden(message_id: str, asked: Asked, history: History, where: str = "") -> bool:
    """Return whether the message was outside the actor's intervals."""
    user, seq = asked.context.actor, history.seqs[message_id]
    found = history.room(where or _room_of(asked), asked)
    return any(room is not None and not reads(room, user, seq) for room in found)


def _senseless(asked: Asked, history: History) -> bool:
    """Return whether a text was edited to a ciphertext, or the reverse, or emptied without attachments; or whether the
    text was invisible.
    """
    command = asked.command
    if isinstance(command, SendMessage):
        return command.text == BLANK
    assert isinstance(command, EditMessage)
    _, event = history.sent[command.message_id]
    if event.body is None:
        return False
    if command.text is None and command.ciphertext is None:
        return not event.body.get("attachments")
    return ("ciphertext" in event.body) != (command.ciphertext is not None)


def _not_mine(asked: Asked, history: History) -> bool:
    command = asked.command
    assert isinstance(command, EditMessage | DeleteMessage)
    _, event = history.sent[command.message_id]
    sender, actor = (event.body or {}).get("sender", asked.context.actor), asked.context.actor
    found = [room for room in history.room(_room_of(asked), asked) if room is not None]
    above = all(room.above(actor, sender) for room in found)
    return sender != actor and (isinstance(command, EditMessage) or not above)


def _another_body(asked: Asked, history: History) -> bool:
    """The key was in use: the record is in the log, or was being appended."""
    return isinstance(
        asked.command,
        SendMessage
        | ForwardMessage
        | EditMessage
        | AddParticipants
        | UpdateConversation
        | SetRole
        | AddReaction
        | RemoveReaction
        | MuteConversation,
    )


REFUSAL_CHECKS: Mapping[str, Callable[[Asked, History], bool]] = {
    "conversation_not_found": _unknown_room,
    "not_a_participant": _outside,
    "not_allowed": _not_managing,
    "participant_not_found": _absent,
    "last_owner": _last_owner,
    "message_not_found": _no_message,
    "not_the_author": _not_mine,
    "validation_failed": _senseless,
    "idempotency_conflict": _another_body,
}


def unchanged(world: World, history: History) -> Broken:
    """Law 6: "changes nothing" is right like a rejection; accepted additions and removals take effect in the log."""
    for asked in world.asked:
        if asked.outcome == "unchanged" and not _so_already(asked, history):
            yield f"law 6: {asked.context.actor} got unchanged from {asked.edge}, and it was wrong: {asked}"
        if asked.outcome == "accepted" and not _done(asked, history):
            yield f"law 6: {asked.context.actor} got accepted from {asked.edge}, and the log left some out: {asked}"


def _done(asked: Asked, history: History) -> bool:
    """Return whether all users of the command are members, or removed, or have the role after the event; unless the log
    ignores it, keeps the last owner, or it repeats a command with other users: all of that is reported.
    """
    command = asked.command
    if not isinstance(command, AddParticipants | RemoveParticipants | SetRole):
        return True
    roles = {(user, command.role) for user in command.participants} if isinstance(command, SetRole) else None
    if history.named.get(asked.event_id) != (roles or set(command.participants)):
        return True
    before, after = history.around(command.conversation_id, asked.event_id)
    if before is None or after is None or not before.can_manage(asked.context.actor):
        return True
    if not _may(asked, before):
        return True  # the actor's rank had changed by then: the laws of the rooms check the result
    if isinstance(command, RemoveParticipants):
        return all(not after.is_member(user) or after.alone_owns(user) for user in command.participants)
    if isinstance(command, AddParticipants):
        return all(map(after.is_member, command.participants))
    return all(role in {command.role, "owner"} for user, role in after.roles().items() if user in command.participants)


def _so_already(asked: Asked, history: History) -> bool:
    command, found = asked.command, history.room(_room_of(asked), asked)
    match command:
        case AddParticipants():
            return any(room and all(room.is_member(user) for user in command.participants) for room in found)
        case RemoveParticipants():
            return any(room and not any(room.is_member(user) for user in command.participants) for room in found)
        case LeaveConversation():
            return any(room and not room.is_member(asked.context.actor) for room in found)
        case SetRole():
            return any(
                room and {room.roles().get(user) for user in command.participants} == {command.role} for room in found
            )
        case UpdateConversation():
            given = {name: getattr(command, name) for name in (*SHOWN, "history")}
            named = {name: value for name, value in given.items() if value is not UNSET}
            return any(room and all(_shows(room, name) == named[name] for name in named) for room in found)
        case PinMessage() | UnpinMessage():
            pins = isinstance(command, PinMessage)
            gone = pins and any(at <= asked.asked for at, _ in history.deleted.get(command.message_id, ()))
            return not gone and any(room and (command.message_id in room.pins) == pins for room in found)
        case AddReaction() | RemoveReaction():
            adds, user = isinstance(command, AddReaction), asked.context.actor
            again = history.first.get(asked.event_id, 1 << 60) <= asked.answered
            return again or adds in history.on(command.message_id, user, command.emoji, asked)
        case _:
            return _is_so(asked, history)


def _shows(room: Room, name: str) -> Any:
    return ("all" if room.since else "joined") if name == "history" else room.shown.get(name)


def _whole(room: Room) -> bool:
    return room.kind == "group" or all(map(room.is_member, room.members))


def _is_so(asked: Asked, history: History) -> bool:
    match asked.command:
        case CreateConversation():
            found = history.room(_room_of(asked), asked)
            return any(room and room.is_member(asked.context.actor) and _whole(room) for room in found)
        case DeleteMessage() as command:
            return any(at <= asked.answered for at, _ in history.deleted.get(command.message_id, ()))
        case _:  # also a cursor without a visible message: with no messages none is unread
            return True
