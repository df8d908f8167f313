"""What happened to a conversation and its members."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from schemas.events.event_base import Count, EventBase

Kind = Literal["direct", "group"]
Role = Literal["owner", "admin", "member"]
History = Literal["joined", "all"]  # what whoever is let in later reads


class ConversationCreated(EventBase, frozen=True, kw_only=True, tag="caas.conversation.created.v1"):
    """A conversation began; `participants` maps each first member to a role."""

    conversation_id: str
    actor: str
    kind: Kind
    participants: dict[str, Role]
    external_id: str | None = None
    title: str | None = None
    history: History = "joined"


class ConversationChanged(EventBase, frozen=True, kw_only=True, tag="caas.conversation.changed.v1"):
    """What a conversation is called, shows (`avatar`, a media id) and carries changed; null took it away."""

    conversation_id: str
    actor: str
    title: str | UnsetType | None = UNSET
    avatar: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    history: History | UnsetType = UNSET


class ParticipantsAdded(EventBase, frozen=True, kw_only=True, tag="caas.conversation.participants-added.v1"):
    """People joined behind message `at_seq`; `reopened`: again, since the actor opened it or wrote to who had left.

    `by_rank`: by the rule that whoever acts on a person stands above them; without it owners and admins act on all.
    """

    conversation_id: str
    actor: str
    participants: dict[str, Role]
    at_seq: Count
    reopened: bool = False
    by_rank: bool = False


class ParticipantsRemoved(EventBase, frozen=True, kw_only=True, tag="caas.conversation.participants-removed.v1"):
    """People left or were removed; they read up to message `at_seq`. `by_rank` as of `ParticipantsAdded`."""

    conversation_id: str
    actor: str
    participants: list[str]
    at_seq: Count
    by_rank: bool = False


class RolesChanged(EventBase, frozen=True, kw_only=True, tag="caas.conversation.roles-changed.v1"):
    """Members have other roles; `roles` maps each of them to the new one. `by_rank` as of `ParticipantsAdded`."""

    conversation_id: str
    actor: str
    roles: dict[str, Role]
    by_rank: bool = False


class MessagePinned(EventBase, frozen=True, kw_only=True, tag="caas.conversation.message-pinned.v1"):
    """A message is kept in sight for everyone; `freed` are pins of messages that were deleted, which end here."""

    conversation_id: str
    actor: str
    message_id: str
    freed: list[str] = []


class MessageUnpinned(EventBase, frozen=True, kw_only=True, tag="caas.conversation.message-unpinned.v1"):
    """A message is no longer kept in sight."""

    conversation_id: str
    actor: str
    message_id: str


ConversationEvent = (
    ConversationCreated
    | ConversationChanged
    | ParticipantsAdded
    | ParticipantsRemoved
    | RolesChanged
    | MessagePinned
    | MessageUnpinned
)
