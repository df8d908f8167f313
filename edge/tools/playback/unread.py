"""Unread checks unread counts under chaos: users read now and then, and at the end each count must match their view.

A count that drifts shows here: the node's count is a fold of the log and a cursor, the expected one comes from the
messages this user received and the cursors they sent.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Protocol

from edge.sdk.python.caas_client.wire import CommandError, Event

READ_INTERVAL: Final = 7
"""Interval in messages of a conversation at which a user reads up to the newest."""
PAGE: Final = 200

logger: Final = logging.getLogger("caas.play")


class CommandClient(Protocol):
    """The part of a user's client that is used here."""

    async def command(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """Return the answer's data. Raises `CommandError`."""
        ...


class Unread:
    """The messages that each user received and has read, by conversation."""

    def __init__(self) -> None:
        self._received: dict[str, dict[str, dict[int, str]]] = {}
        self._read: dict[tuple[str, str], int] = {}
        self._unsure: set[tuple[str, str]] = set()

    def record(self, user: str, event: Event) -> int | None:
        """Record an event of a user; return the `seq` up to which they should now read, or None."""
        if event.type != "message:new":
            return None
        data = event.data
        self._received.setdefault(user, {}).setdefault(data["conversation_id"], {})[data["seq"]] = data["sender"]
        return int(data["seq"]) if data["seq"] % READ_INTERVAL == 0 else None

    async def mark_read(self, user: str, client: CommandClient, conversation_id: str, seq: int) -> None:
        """Send that a user has read up to `seq`. A failed command may have taken effect: its count is not compared."""
        try:
            await client.command("message:read", {"conversation_id": conversation_id, "seq": seq})
        except CommandError as error:
            logger.info("%s cannot read %s: %s", user, conversation_id, error)
            self._unsure.add((user, conversation_id))
        key = user, conversation_id
        self._read[key] = max(self._read.get(key, 0), seq)

    async def differences(
        self, clients: Mapping[str, CommandClient], left: frozenset[tuple[str, str]]
    ) -> AsyncIterator[tuple[str, str]]:
        """Yield the users whose count differs from their view's, and how; without `left`, the `(user, conversation)`
        pairs of past members.
        """
        for user, received in self._received.items():
            if user not in clients:
                continue
            async for conversation_id, unread in _listed(clients[user]):
                key = user, conversation_id
                seqs = received.get(conversation_id, {})
                if key in left or key in self._unsure or not seqs:
                    continue
                floor = max(self._read.get(key, 0), *(seq for seq, by in {0: user, **seqs}.items() if by == user))
                if unread != (must := sum(seq > floor for seq in seqs)):
                    yield user, f"{conversation_id} has {unread} unread, must have {must} after {floor}"


async def _listed(client: CommandClient) -> AsyncIterator[tuple[str, int]]:
    """Yield every conversation of a user, with its count."""
    after: str | None = None
    while True:
        page = await client.command("conversation:list", {"limit": PAGE, **({} if after is None else {"after": after})})
        for one in page["conversations"]:
            yield one["conversation_id"], one["unread"]
        after = page["after"]
        if after is None:
            return
