"""Given a state, when a command comes, then events: the words in which decisions are tested, and messages to begin
with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.domain import conversation, conversation_decisions, message
from core.domain.decision import Context, Rejected
from schemas import ids
from schemas.commands import Command
from schemas.commands.conversation import ConversationCommand
from schemas.commands.message import DeleteMessage
from schemas.events import MessageDeleted, MessageEdited, MessageSent

TENANT = "acme"
AT = "2026-11-20T09:30:00.000Z"
ROOM = "6f1d1f8a-0000-5000-8000-000000000001"
CORRELATION = "6f1d1f8a-0000-4000-8000-0000000000ff"


def by(actor: str) -> Context:
    """The context in which someone asks."""
    return Context(tenant=TENANT, actor=actor, at=AT, correlation_id=CORRELATION)


def sent(
    key: str = "k1",
    text: str = "hello",
    sender: str = "bob",
    reply_to: str | None = None,
    mentions: Sequence[str] = (),
    thread_root: str | None = None,
) -> MessageSent:
    return MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        message_id=ids.message_id(TENANT, ROOM, sender, key),
        sender=sender,
        client_msg_id=key,
        text=text,
        conversation_n=1,
        reply_to=reply_to,
        mentions=list(mentions),
        thread_root=thread_root,
    )


def edited(of: MessageSent, text: str, editor: str | None = None) -> MessageEdited:
    return MessageEdited(
        tenant=TENANT, at=AT, conversation_id=ROOM, message_id=of.message_id, editor=editor or of.sender, text=text
    )


def deleted(of: MessageSent, by: str | None = None) -> MessageDeleted:
    return MessageDeleted(
        tenant=TENANT, at=AT, conversation_id=ROOM, message_id=of.message_id, deleted_by=by or of.sender
    )


@dataclass
class Given:
    """A conversation, a message in it (or in `source`, to be forwarded), and a command against them."""

    room: conversation.State = None
    state: message.State = field(default_factory=message.Absent)
    head: int = 0
    source: conversation.State = None
    deleted: frozenset[str] = frozenset()

    def decide(self, command: Command, actor: str) -> list[Any]:
        context = by(actor)
        if isinstance(command, message.Command):
            if isinstance(command, DeleteMessage):
                where = conversation.require_ever_member(self.room, command.conversation_id, TENANT, actor)
            else:
                where = conversation.require_member(self.room, command.conversation_id, context)
            return list(message.decide(self.state, command, where, context, self.source))
        assert isinstance(command, ConversationCommand)
        return list(
            conversation_decisions.decide(self.room, command, context, self.head, self.state, deleted=self.deleted)
        )

    def when(self, command: Command, actor: str) -> "Outcome":
        try:
            return Outcome(self, self.decide(command, actor), None)
        except Rejected as no:
            return Outcome(self, [], no.code, dict(no.errors))


@dataclass
class Outcome:
    """What came of it."""

    given: Given
    events: list[Any]
    code: str | None
    wrong: dict[str, str] = field(default_factory=dict)

    def then(self, kind: type | tuple[type, ...], **fields: Any) -> Any:
        assert self.code is None, f"rejected: {self.code}"
        (event,) = self.events
        assert isinstance(event, kind)
        assert {name: getattr(event, name) for name in fields} == fields
        return event

    def nothing(self) -> None:
        assert self.code is None
        assert self.events == []

    def rejects(self, code: str, **wrong: str) -> None:
        """With this code; `wrong` are the fields that are named, and how they are wrong."""
        if self.code != code:
            pytest.fail(f"expected {code}, got {self.code or self.events}")
        if wrong:
            assert self.wrong == {f"/data/{name}": how for name, how in wrong.items()}
