"""What a command answers when it is accepted, and a query when it is answered: the data of an `ack` or `synced`."""

from typing import Final

import msgspec

from schemas import commands
from schemas.commands import Command, inbox, queries, signals
from schemas.commands.command_base import Level
from schemas.wire.frames import Lane
from schemas.wire.views import ConversationView, MessageView, PresenceView, VersionView


class Authenticated(msgspec.Struct, frozen=True, kw_only=True):
    """Whose line it is, and for how many seconds the token is good."""

    user_id: str
    expires_in: int


class MessageAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The message that a command said, edited or withdrew; `persisted` also where nothing had to be added."""

    message_id: str
    level: Level


class MessageFound(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it now is, and what it said, the oldest first, and whether there is more than fits into an answer;
    of a deleted one nothing is told.
    """

    message: MessageView
    versions: list[VersionView]
    more: bool


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """Messages by `seq`, ascending, and whether there are more that one may read before and after these."""

    messages: list[MessageView]
    more_before: bool
    more_after: bool


class ThreadFound(msgspec.Struct, frozen=True, kw_only=True):
    """The message that began the thread, null where it is from before one came or too large to stand beside an answer,
    answers to it by `seq`, ascending, and whether there are more after these.

    `read` is up to where one has read the thread, `unread` how many answers came after that, `UNREAD_COUNTED` for as
    many or more.
    """

    root: MessageView | None
    messages: list[MessageView]
    more_after: bool
    read: int
    unread: int


class ConversationAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The conversation that a command opened or changed."""

    conversation_id: str
    level: Level


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How many conversations there are of those asked for, whatever page; how many messages in them are unread, in how
    many of them, and how many of these messages name one.
    """

    conversations: int
    unread: int = 0
    unread_conversations: int = 0
    mentions: int = 0


class Conversations(msgspec.Struct, frozen=True, kw_only=True):
    """A page of one's conversations; `after` asks for the next page, null: there is none. `totals` where they were
    asked for.
    """

    conversations: list[ConversationView]
    after: str | None
    totals: Totals | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that contain the words, newest first; `after` is where it goes on, null where there is nothing more. A
    page may have fewer than were asked for, and none, though there are more.
    """

    messages: list[MessageView]
    after: str | None


class Presences(msgspec.Struct, frozen=True, kw_only=True):
    """How these people are there."""

    presences: list[PresenceView]


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a sync: where the client stands now; where it is not `complete`, it asks again from there.

    `user` is the position in its own lane, where it asked for that. What `reset` names the client must forget and
    ask for anew, without positions: these say more than there is, as after a restore. `user` there is its own lane.
    """

    complete: bool
    positions: dict[str, dict[Lane, int]]
    user: int | None = None
    reset: list[str] = []


Answer = (
    MessageAccepted
    | MessageFound
    | Messages
    | ThreadFound
    | ConversationAccepted
    | ConversationView
    | Conversations
    | PresenceView
    | Presences
    | Found
    | Synced
)

ANSWER_OF: Final[dict[type[Command], type[Answer]]] = {
    commands.SendMessage: MessageAccepted,
    commands.EditMessage: MessageAccepted,
    commands.DeleteMessage: MessageAccepted,
    commands.ForwardMessage: MessageAccepted,
    commands.AddReaction: MessageAccepted,
    commands.RemoveReaction: MessageAccepted,
    inbox.HideMessage: MessageAccepted,
    inbox.ReadMessages: ConversationAccepted,
    signals.DeliveredMessages: ConversationAccepted,
    inbox.MuteConversation: ConversationAccepted,
    inbox.UnmuteConversation: ConversationAccepted,
    inbox.ArchiveConversation: ConversationAccepted,
    inbox.UnarchiveConversation: ConversationAccepted,
    inbox.PinConversation: ConversationAccepted,
    inbox.UnpinConversation: ConversationAccepted,
    signals.StartTyping: ConversationAccepted,
    signals.StopTyping: ConversationAccepted,
    signals.SetPresence: PresenceView,
    queries.GetPresence: Presences,
    signals.SubscribePresence: Presences,
    queries.GetMessage: MessageFound,
    queries.History: Messages,
    queries.Thread: ThreadFound,
    commands.PinMessage: ConversationAccepted,
    commands.UnpinMessage: ConversationAccepted,
    commands.UpdateConversation: ConversationAccepted,
    commands.SetRole: ConversationAccepted,
    commands.CreateConversation: ConversationAccepted,
    commands.AddParticipants: ConversationAccepted,
    commands.RemoveParticipants: ConversationAccepted,
    commands.LeaveConversation: ConversationAccepted,
    queries.GetConversation: ConversationView,
    queries.ListConversations: Conversations,
    queries.Sync: Synced,
    queries.SearchMessages: Found,
}
