"""What a client says of the moment: it lasts for a while and is in no lane."""

from typing import Literal

from schemas.bounds import Key, Number, Users, Uuid
from schemas.commands.command_base import CommandData

Status = Literal["online", "away", "busy"]


class DeliveredMessages(CommandData, frozen=True, kw_only=True, tag="message:delivered"):
    """Say that a device of one's own has a conversation up to message `seq`."""

    conversation_id: Uuid
    seq: Number
    device: Key | None = None


class StartTyping(CommandData, frozen=True, kw_only=True, tag="typing:start"):
    """Say that one is writing; to be said again every few seconds."""

    conversation_id: Uuid


class StopTyping(CommandData, frozen=True, kw_only=True, tag="typing:stop"):
    """Say that one writes no longer."""

    conversation_id: Uuid


class SetPresence(CommandData, frozen=True, kw_only=True, tag="presence:set"):
    """Say how one is there, on this session."""

    status: Status


class SubscribePresence(CommandData, frozen=True, kw_only=True, tag="presence:subscribe"):
    """Be told when one of these people comes or goes, on this session; instead of those named before."""

    users: Users


Signal = DeliveredMessages | StartTyping | StopTyping | SetPresence | SubscribePresence
