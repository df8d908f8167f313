"""What a client sees of a row: the same shape in pushes, sync and answers."""

import msgspec


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it now is. `text` is null when it was deleted or cannot be read."""

    conversation_id: str
    message_id: str
    seq: int
    sender: str
    text: str | None
    at: str
    client_msg_id: str
    reply_to: str | None = None
    edited: bool = False
    deleted: bool = False
    unreadable: bool = False


class ParticipantView(msgspec.Struct, frozen=True, kw_only=True):
    """One participant: role, whether in it now, and the stays `[from_seq, until_seq or null]`."""

    user_id: str
    role: str
    present: bool
    intervals: list[tuple[int, int | None]]


class ConversationView(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation; `participants` only where one conversation was asked for, `seq` is its last message's."""

    conversation_id: str
    kind: str
    external_id: str | None
    title: str | None
    created_by: str
    created_at: str
    n: int
    seq: int
    participants: list[ParticipantView] | None = None


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a conversation: `change` is created, changed, participants-added or participants-removed.

    It is `unreadable` where the node cannot read the change, which has its number all the same.
    """

    conversation_id: str
    change: str
    actor: str
    at: str
    n: int
    participants: list[str] = []
    title: str | None = None
    external_id: str | None = None
    at_seq: int | None = None


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that what you did has reached; `applied` is false where the log had decided otherwise by then.

    `seq` is the message's, whatever the lane; in lane `conversation` there is none (`message_id` empty, `seq` 0).
    """

    conversation_id: str
    message_id: str
    seq: int
    stage: str
    lane: str
    applied: bool
