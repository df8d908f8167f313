"""Commands about a conversation and its members."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from schemas.bounds import MEMBERS_PER_COMMAND, Key, Members, Title, UserId, Uuid
from schemas.commands.command_base import CommandData
from schemas.events import History as Past
from schemas.events import Kind, Role
from schemas.names import ExternalId
from schemas.wire.answers import ConversationAccepted


class CreateConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:create"):
    """Open a conversation; with an `external_id` or as `direct`, opening it again opens the same one.

    `history` is what members who are added to a group later may read: `joined` the messages from then on, `all` also
    those before.
    """

    kind: Kind = "group"
    external_id: ExternalId | None = None
    title: Title | None = None
    participants: Annotated[list[UserId], Meta(max_length=MEMBERS_PER_COMMAND)] = []
    history: Past = "joined"
    client_key: Key | None = None


class AddParticipants(
    CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:add-participants"
):
    """Add participants."""

    conversation_id: Uuid
    participants: Members
    role: Role = "member"
    client_key: Key | None = None


class RemoveParticipants(
    CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:remove-participants"
):
    """Remove participants."""

    conversation_id: Uuid
    participants: Members
    client_key: Key | None = None


class LeaveConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:leave"):
    """Leave the conversation."""

    conversation_id: Uuid
    client_key: Key | None = None


class UpdateConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:update"):
    """Change a group's title, avatar, metadata or history; a field left out is kept, null removes it.

    `history`, which only owners change, is as in `conversation:create`.
    """

    conversation_id: Uuid
    title: Title | UnsetType | None = UNSET
    avatar: Uuid | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    history: Past | UnsetType = UNSET
    client_key: Key | None = None


class SetRole(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:set-role"):
    """Give members of a group another role."""

    conversation_id: Uuid
    participants: Members
    role: Role
    client_key: Key | None = None


class PinMessage(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="message:pin"):
    """Pin a message for everyone."""

    conversation_id: Uuid
    message_id: Uuid
    client_key: Key | None = None


class UnpinMessage(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="message:unpin"):
    """Unpin a message for everyone."""

    conversation_id: Uuid
    message_id: Uuid
    client_key: Key | None = None


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
