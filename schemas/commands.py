"""What a client may ask for: one struct per command, its tag the frame's `type`."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.asking import Ask, Level
from schemas.bounds import (
    ATTACHMENTS,
    MEMBERS_PER_COMMAND,
    MENTIONS,
    Ciphertext,
    Emoji,
    Key,
    Members,
    Number,
    Text,
    Title,
    UserId,
    Uuid,
)
from schemas.events import History as Past
from schemas.events import Kind, Role
from schemas.inbox_commands import (
    ArchiveConversation,
    HideMessage,
    InboxCommand,
    MuteConversation,
    PinConversation,
    ReadMessages,
    UnarchiveConversation,
    UnmuteConversation,
    UnpinConversation,
)
from schemas.names import ExternalId
from schemas.queries import (
    GetConversation,
    GetMessage,
    GetPresence,
    History,
    ListConversations,
    Query,
    SearchMessages,
    Sync,
    Thread,
)
from schemas.signals import DeliveredMessages, SetPresence, Signal, StartTyping, StopTyping, SubscribePresence


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the media service; what is said of it besides its id is for those who show it."""

    media_id: Uuid
    name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    content_type: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    size: Number | None = None


class SendMessage(Ask, frozen=True, kw_only=True, tag="message:send"):
    """Say something in a conversation: a text, or attachments, or both; or a ciphertext and no text.

    Members whom the text names as `@user_id` are mentioned, and those in `mentions`. The answer waits until it is
    `wait_for`, some seconds at most, and says how far it came.
    """

    conversation_id: Uuid
    client_msg_id: Key
    text: Text | None = None
    ciphertext: Ciphertext | None = None
    reply_to: Uuid | None = None
    attachments: Annotated[list[Attached], Meta(max_length=ATTACHMENTS)] = []
    mentions: Annotated[list[UserId], Meta(max_length=MENTIONS)] = []
    metadata: dict[str, Any] | None = None
    wait_for: Level = "accepted"


class ForwardMessage(Ask, frozen=True, kw_only=True, tag="message:forward"):
    """Say in a conversation what a message says that one may read, there or elsewhere."""

    conversation_id: Uuid
    client_msg_id: Key
    from_conversation_id: Uuid
    message_id: Uuid


class EditMessage(Ask, frozen=True, kw_only=True, tag="message:edit"):
    """Replace the text, or the ciphertext, of one's own message; without one, its attachments stand alone."""

    conversation_id: Uuid
    message_id: Uuid
    text: Text | None = None
    ciphertext: Ciphertext | None = None
    mentions: Annotated[list[UserId], Meta(max_length=MENTIONS)] = []
    client_key: Key | None = None


class DeleteMessage(Ask, frozen=True, kw_only=True, tag="message:delete"):
    """Withdraw a message for everyone: one's own, or any as an owner or admin."""

    conversation_id: Uuid
    message_id: Uuid


class AddReaction(Ask, frozen=True, kw_only=True, tag="reaction:add"):
    """Put an emoji to a message."""

    conversation_id: Uuid
    message_id: Uuid
    emoji: Emoji
    client_key: Key | None = None


class RemoveReaction(Ask, frozen=True, kw_only=True, tag="reaction:remove"):
    """Take one's emoji away again."""

    conversation_id: Uuid
    message_id: Uuid
    emoji: Emoji
    client_key: Key | None = None


class CreateConversation(Ask, frozen=True, kw_only=True, tag="conversation:create"):
    """Open a conversation; with an `external_id` or as `direct`, opening it twice opens the same one.

    `history`: what whoever is let into a group later reads, `joined` what comes from then on, `all` what was said
    before too.
    """

    kind: Kind = "group"
    external_id: ExternalId | None = None
    title: Title | None = None
    participants: Annotated[list[UserId], Meta(max_length=MEMBERS_PER_COMMAND)] = []
    history: Past = "joined"
    client_key: Key | None = None


class AddParticipants(Ask, frozen=True, kw_only=True, tag="conversation:add-participants"):
    """Let people in."""

    conversation_id: Uuid
    participants: Members
    role: Role = "member"
    client_key: Key | None = None


class RemoveParticipants(Ask, frozen=True, kw_only=True, tag="conversation:remove-participants"):
    """Show people out."""

    conversation_id: Uuid
    participants: Members
    client_key: Key | None = None


class LeaveConversation(Ask, frozen=True, kw_only=True, tag="conversation:leave"):
    """Go oneself."""

    conversation_id: Uuid
    client_key: Key | None = None


class UpdateConversation(Ask, frozen=True, kw_only=True, tag="conversation:update"):
    """Change what a group is called, shows and carries: what is left out stays, null takes it away. `history`, which
    only owners change, is as in `conversation:create`.
    """

    conversation_id: Uuid
    title: Title | UnsetType | None = UNSET
    avatar: Uuid | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    history: Past | UnsetType = UNSET
    client_key: Key | None = None


class SetRole(Ask, frozen=True, kw_only=True, tag="conversation:set-role"):
    """Give members of a group another role."""

    conversation_id: Uuid
    participants: Members
    role: Role
    client_key: Key | None = None


class PinMessage(Ask, frozen=True, kw_only=True, tag="message:pin"):
    """Keep a message in sight for everyone."""

    conversation_id: Uuid
    message_id: Uuid
    client_key: Key | None = None


class UnpinMessage(Ask, frozen=True, kw_only=True, tag="message:unpin"):
    """Keep it in sight no longer."""

    conversation_id: Uuid
    message_id: Uuid
    client_key: Key | None = None


MessageCommand = SendMessage | ForwardMessage | EditMessage | DeleteMessage | AddReaction | RemoveReaction
ConversationCommand = (
    CreateConversation
    | UpdateConversation
    | AddParticipants
    | RemoveParticipants
    | SetRole
    | LeaveConversation
    | PinMessage
    | UnpinMessage
)
Command = MessageCommand | ConversationCommand | InboxCommand | Signal | Query

COMMANDS: Final[dict[str, type[Command]]] = {
    str(command.__struct_config__.tag): command
    for command in (
        SendMessage,
        ForwardMessage,
        EditMessage,
        DeleteMessage,
        PinMessage,
        UnpinMessage,
        HideMessage,
        ReadMessages,
        DeliveredMessages,
        GetMessage,
        History,
        Thread,
        AddReaction,
        RemoveReaction,
        CreateConversation,
        UpdateConversation,
        AddParticipants,
        RemoveParticipants,
        SetRole,
        LeaveConversation,
        MuteConversation,
        UnmuteConversation,
        ArchiveConversation,
        UnarchiveConversation,
        PinConversation,
        UnpinConversation,
        GetConversation,
        ListConversations,
        StartTyping,
        StopTyping,
        SetPresence,
        GetPresence,
        SubscribePresence,
        Sync,
        SearchMessages,
    )
}
NAME_OF: Final[dict[type[Command], str]] = {command: name for name, command in COMMANDS.items()}
