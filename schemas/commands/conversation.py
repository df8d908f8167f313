"""What a client may do with a conversation and its members."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from schemas.bounds import MEMBERS_PER_COMMAND, Key, Members, Title, UserId, Uuid
from schemas.commands.command_base import CommandData
from schemas.events import History as Past
from schemas.events import Kind, Role
from schemas.names import ExternalId


class CreateConversation(CommandData, frozen=True, kw_only=True, tag="conversation:create"):
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


class AddParticipants(CommandData, frozen=True, kw_only=True, tag="conversation:add-participants"):
    """Let people in."""

    conversation_id: Uuid
    participants: Members
    role: Role = "member"
    client_key: Key | None = None


class RemoveParticipants(CommandData, frozen=True, kw_only=True, tag="conversation:remove-participants"):
    """Show people out."""

    conversation_id: Uuid
    participants: Members
    client_key: Key | None = None


class LeaveConversation(CommandData, frozen=True, kw_only=True, tag="conversation:leave"):
    """Go oneself."""

    conversation_id: Uuid
    client_key: Key | None = None


class UpdateConversation(CommandData, frozen=True, kw_only=True, tag="conversation:update"):
    """Change what a group is called, shows and carries: what is left out stays, null takes it away. `history`, which
    only owners change, is as in `conversation:create`.
    """

    conversation_id: Uuid
    title: Title | UnsetType | None = UNSET
    avatar: Uuid | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    history: Past | UnsetType = UNSET
    client_key: Key | None = None


class SetRole(CommandData, frozen=True, kw_only=True, tag="conversation:set-role"):
    """Give members of a group another role."""

    conversation_id: Uuid
    participants: Members
    role: Role
    client_key: Key | None = None


class PinMessage(CommandData, frozen=True, kw_only=True, tag="message:pin"):
    """Keep a message in sight for everyone."""

    conversation_id: Uuid
    message_id: Uuid
    client_key: Key | None = None


class UnpinMessage(CommandData, frozen=True, kw_only=True, tag="message:unpin"):
    """Keep it in sight no longer."""

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
