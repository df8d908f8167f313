"""What a command answers when it is accepted, and a query when it is answered: the data of an `ack` or `synced`."""

from typing import Final, Literal

import msgspec

from schemas import commands
from schemas.commands import Command
from schemas.frames import Lane
from schemas.views import ConversationView, MessageView

Level = Literal["accepted", "persisted"]
"""`accepted`: it is in the log, durable. `persisted`: it was there before, in the read model too; nothing was added."""


class MessageAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The message that a command said, edited or withdrew."""

    message_id: str
    level: Level


class ConversationAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The conversation that a command opened or changed."""

    conversation_id: str
    level: Level


class Conversations(msgspec.Struct, frozen=True, kw_only=True):
    """A page of one's conversations, by id; `after` asks for the next page, null: there is none."""

    conversations: list[ConversationView]
    after: str | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that contain the words, best first."""

    messages: list[MessageView]


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a sync: where the client stands now; where it is not `complete`, it asks again from there."""

    complete: bool
    positions: dict[str, dict[Lane, int]]


Answer = MessageAccepted | ConversationAccepted | ConversationView | Conversations | Found | Synced

ANSWER_OF: Final[dict[type[Command], type[Answer]]] = {
    commands.SendMessage: MessageAccepted,
    commands.EditMessage: MessageAccepted,
    commands.DeleteMessage: MessageAccepted,
    commands.CreateConversation: ConversationAccepted,
    commands.AddParticipants: ConversationAccepted,
    commands.RemoveParticipants: ConversationAccepted,
    commands.LeaveConversation: ConversationAccepted,
    commands.GetConversation: ConversationView,
    commands.ListConversations: Conversations,
    commands.Sync: Synced,
    commands.SearchMessages: Found,
}
