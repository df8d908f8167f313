"""Short-lived signals of a client; they are in no lane."""

from typing import Literal

from schemas.bounds import Key, Number, Users, Uuid
from schemas.commands.command_base import CommandData
from schemas.wire.answers import ConversationAccepted, Presences
from schemas.wire.views import PresenceView

Status = Literal["online", "away", "busy"]


class DeliveredMessages(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="message:delivered"):
    """Report that one of the user's devices has received a conversation up to message `seq`."""

    conversation_id: Uuid
    seq: Number
    device: Key | None = None


class StartTyping(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="typing:start"):
    """Report that the user is typing; to be repeated every few seconds."""

    conversation_id: Uuid


class StopTyping(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="typing:stop"):
    """Report that the user has stopped typing."""

    conversation_id: Uuid


class SetPresence(CommandData[PresenceView], frozen=True, kw_only=True, tag="presence:set"):
    """Set the presence of this session."""

    status: Status


class SubscribePresence(CommandData[Presences], frozen=True, kw_only=True, tag="presence:subscribe"):
    """Subscribe this session to the presence of these users, in place of those subscribed before."""

    users: Users


Signal = DeliveredMessages | StartTyping | StopTyping | SetPresence | SubscribePresence
