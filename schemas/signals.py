"""What a client says of the moment: it lasts for a while and is in no lane."""

from typing import Literal

from schemas.asking import Ask
from schemas.bounds import Key, Number, Users, Uuid

Status = Literal["online", "away", "busy"]


class DeliveredMessages(Ask, frozen=True, kw_only=True, tag="message:delivered"):
    """Say that a device of one's own has a conversation up to message `seq`."""

    conversation_id: Uuid
    seq: Number
    device: Key | None = None


class StartTyping(Ask, frozen=True, kw_only=True, tag="typing:start"):
    """Say that one is writing; to be said again every few seconds."""

    conversation_id: Uuid


class StopTyping(Ask, frozen=True, kw_only=True, tag="typing:stop"):
    """Say that one writes no longer."""

    conversation_id: Uuid


class SetPresence(Ask, frozen=True, kw_only=True, tag="presence:set"):
    """Say how one is there, on this session."""

    status: Status


class SubscribePresence(Ask, frozen=True, kw_only=True, tag="presence:subscribe"):
    """Be told when one of these people comes or goes, on this session; instead of those named before."""

    users: Users


Signal = DeliveredMessages | StartTyping | StopTyping | SetPresence | SubscribePresence
