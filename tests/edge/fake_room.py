"""The fake node's state of one conversation: members, messages, and all rows of each lane."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Message:
    message_id: str
    client_msg_id: str
    sender: str
    text: str
    seq: int
    reply_to: str | None
    edited: bool = False
    deleted: bool = False

    def view(self, conversation_id: str) -> Json:
        return {
            "conversation_id": conversation_id,
            "message_id": self.message_id,
            "seq": self.seq,
            "sender": self.sender,
            "text": None if self.deleted else self.text,
            "at": "2018-02-01T00:00:00.000Z",
            "client_msg_id": self.client_msg_id,
            "reply_to": self.reply_to,
            "edited": self.edited,
            "deleted": self.deleted,
            "unreadable": False,
        }


@dataclass
class Conversation:
    id: str
    external_id: str | None
    owner: str
    members: dict[str, list[list[int | None]]] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    rows: dict[str, list[tuple[Json, int, str]]] = field(
        default_factory=lambda: {lane: [] for lane in ("sent", "edited", "deleted", "conversation")}
    )

    def is_member(self, user: str) -> bool:
        return user in self.members and self.members[user][-1][1] is None

    def reads(self, user: str, seq: int) -> bool:
        return any(start <= seq and (until is None or seq <= until) for start, until in self.members.get(user, []))

    def vector(self) -> dict[str, int]:
        return {lane: len(rows) for lane, rows in self.rows.items()}
