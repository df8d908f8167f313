"""Events of a conversation and its members."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from schemas.events.event_base import Count, EventBase

Kind = Literal["direct", "group"]
Role = Literal["owner", "admin", "member"]
History = Literal["joined", "all"]  # which messages members added later may read


class ConversationCreated(EventBase, frozen=True, kw_only=True, tag="caas.conversation.created.v1"):
    """A conversation was created; `participants` maps each initial member to a role."""

    conversation_id: str
    actor: str
    kind: Kind
    participants: dict[str, Role]
    external_id: str | None = None
    title: str | None = None
    history: History = "joined"


class ConversationChanged(EventBase, frozen=True, kw_only=True, tag="caas.conversation.changed.v1"):
    """A conversation's title, avatar (a media id), metadata or history changed; null removed it.

    `before` is the hash of the title that it was decided on (`core.audit.change_hashes`), where the title changed.
    """

    conversation_id: str
    actor: str
    title: str | UnsetType | None = UNSET
    avatar: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    history: History | UnsetType = UNSET
    before: str | None = None


class ParticipantsAdded(EventBase, frozen=True, kw_only=True, tag="caas.conversation.participants-added.v1"):
    """Users joined after message `at_seq`; `reopened`: they rejoined, since the actor opened it or wrote to them.

    `by_rank`: decided under the rule that an actor must rank above the members acted on; without it owners and admins
    may act on all.
    """

    conversation_id: str
    actor: str
    participants: dict[str, Role]
    at_seq: Count
    reopened: bool = False
    by_rank: bool = False


class ParticipantsRemoved(EventBase, frozen=True, kw_only=True, tag="caas.conversation.participants-removed.v1"):
    """Users left or were removed; they may read up to message `at_seq`. `by_rank` as in `ParticipantsAdded`."""

    conversation_id: str
    actor: str
    participants: list[str]
    at_seq: Count
    by_rank: bool = False


class RolesChanged(EventBase, frozen=True, kw_only=True, tag="caas.conversation.roles-changed.v1"):
    """Roles of members changed; `roles` maps each of them to the new one. `by_rank` as in `ParticipantsAdded`.

    `before` is the hash of the roles that they had by the decision (`core.audit.change_hashes`).
    """

    conversation_id: str
    actor: str
    roles: dict[str, Role]
    by_rank: bool = False
    before: str | None = None


class MessagePinned(EventBase, frozen=True, kw_only=True, tag="caas.conversation.message-pinned.v1"):
    """A message was pinned for everyone; `freed` are pins of deleted messages, which end with this event."""

    conversation_id: str
    actor: str
    message_id: str
    freed: list[str] = []


class MessageUnpinned(EventBase, frozen=True, kw_only=True, tag="caas.conversation.message-unpinned.v1"):
    """A message was unpinned."""

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
