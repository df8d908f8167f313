"""World builds the data of a measurement: a new tenant, tokens of users, records of conversations and messages."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from core.clock import SystemClock
from core.ports.event_log import EventLog
from edge.auth.tokens import Tokens
from edge.tools.bench.spec import Room
from schemas import envelope, ids
from schemas.envelope import Record
from schemas.events import ConversationCreated, MessageSent, Role

TOKEN_TTL_S = 3_600
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class World:
    """A separate tenant, so that measurements do not share any data."""

    tenant: str = field(default_factory=lambda: f"bench-{secrets.token_hex(4)}")
    token_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    now: str = field(default_factory=lambda: SystemClock().now())

    def token(self, user_id: str) -> str:
        """Return a token of this user."""
        return Tokens(self.token_secret, TOKEN_TTL_S).issue(self.tenant, user_id)[0]

    def conversation_id(self, name: str) -> str:
        """Return the id of a conversation of this world."""
        return ids.external_conversation_id(self.tenant, name)

    def room(self, name: str, members: int, senders: int = 1, connected: int | None = None) -> tuple[Room, Record]:
        """Return a conversation, and the record that creates it; the first `connected` members get tokens."""
        users = [f"{name}-{n}" for n in range(members)]
        conversation_id = self.conversation_id(name)
        tokens = [self.token(user) for user in users[:connected]]
        return Room(conversation_id, tokens, senders), self._created(conversation_id, name, users)

    def begun(self, name: str, users: list[str]) -> tuple[str, Record]:
        """Return the id of a conversation of these users, and the record that creates it."""
        conversation_id = self.conversation_id(name)
        return conversation_id, self._created(conversation_id, name, users)

    def direct(self, one: str, other: str) -> tuple[str, Record]:
        """Return the id of the direct conversation of two users, and the record that creates it."""
        conversation_id = ids.direct_conversation_id(self.tenant, one, other)
        event = ConversationCreated(
            tenant=self.tenant,
            at=self.now,
            conversation_id=conversation_id,
            actor=one,
            kind="direct",
            participants={one: "member", other: "member"},
        )
        return conversation_id, self._record(event, ids.effect_id(conversation_id, "created"), one)

    def _created(self, conversation_id: str, name: str, users: list[str]) -> Record:
        roles: Mapping[str, Role] = {user: "owner" if n == 0 else "member" for n, user in enumerate(users)}
        event = ConversationCreated(
            tenant=self.tenant,
            at=self.now,
            conversation_id=conversation_id,
            actor=users[0],
            kind="group",
            participants=dict(roles),
            external_id=name,
            title="bench",
        )
        return self._record(event, ids.effect_id(conversation_id, "created"), users[0])

    def message(self, conversation_id: str, n: int, text_bytes: int = 200) -> Record:
        """Return the record of a message, as a node appends it."""
        sender = f"sender-{n % 50}"
        message_id = ids.message_id(self.tenant, conversation_id, sender, str(n))
        event = MessageSent(
            tenant=self.tenant,
            at=self.now,
            conversation_id=conversation_id,
            message_id=message_id,
            sender=sender,
            client_msg_id=f"run-{n:08d}",
            text="x" * text_bytes,
            conversation_n=1,
        )
        return self._record(event, message_id, sender)

    def _record(self, event: ConversationCreated | MessageSent, event_id: str, actor: str) -> Record:
        correlation = ids.effect_id(event_id, "correlation")
        return envelope.encode(event, event_id=event_id, source="/caas/bench", correlation_id=correlation, actor=actor)


async def append_all(log: EventLog, records: Iterable[Record]) -> None:
    """Append these records, 500 at a time, and return when they are durable."""
    left = iter(records)
    while some := list(islice(left, AT_ONCE)):
        await asyncio.gather(*(log.append(record) for record in some))
