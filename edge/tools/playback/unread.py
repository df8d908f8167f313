"""Unread counts under chaos: users read now and then, and at the end each list must count what their own view counts.

A count that drifts shows here: what a node says is a fold of the log and a cursor, what is counted beside it is what
this user was told, and what they said that they have read.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Protocol

from edge.sdk.python.caas_client.wire import CommandError, Event

EVERY: Final = 7
"""A user reads up to every so manieth message of a conversation, when it comes."""
PAGE: Final = 200

logger: Final = logging.getLogger("caas.play")


class Asks(Protocol):
    """A user's client, as far as it is asked here."""

    async def command(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """The answer's data. Raises `CommandError`."""
        ...


class Unread:
    """What each user was told and has read, by conversation."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, dict[int, str]]] = {}
        self._read: dict[tuple[str, str], int] = {}
        self._unsure: set[tuple[str, str]] = set()

    def hears(self, user: str, event: Event) -> int | None:
        """A user is told something; the `seq` up to which they should now read, if they should."""
        if event.type != "message:new":
            return None
        data = event.data
        self._told.setdefault(user, {}).setdefault(data["conversation_id"], {})[data["seq"]] = data["sender"]
        return int(data["seq"]) if data["seq"] % EVERY == 0 else None

    async def reads(self, user: str, client: Asks, conversation_id: str, seq: int) -> None:
        """Say that a user has read up to here. What was refused in the end may have happened: it is not compared."""
        try:
            await client.command("message:read", {"conversation_id": conversation_id, "seq": seq})
        except CommandError as no:
            logger.info("%s cannot read %s: %s", user, conversation_id, no)
            self._unsure.add((user, conversation_id))
        key = user, conversation_id
        self._read[key] = max(self._read.get(key, 0), seq)

    async def differences(
        self, clients: Mapping[str, Asks], left: frozenset[tuple[str, str]]
    ) -> AsyncIterator[tuple[str, str]]:
        """Whose count is another than their view's, and how; not where they have `(user, conversation)` left."""
        for user, told in self._told.items():
            if user not in clients:
                continue
            async for conversation_id, unread in _listed(clients[user]):
                key = user, conversation_id
                seqs = told.get(conversation_id, {})
                if key in left or key in self._unsure or not seqs:
                    continue
                floor = max(self._read.get(key, 0), *(seq for seq, by in {0: user, **seqs}.items() if by == user))
                if unread != (must := sum(seq > floor for seq in seqs)):
                    yield user, f"{conversation_id} has {unread} unread, must have {must} after {floor}"


async def _listed(client: Asks) -> AsyncIterator[tuple[str, int]]:
    """Every conversation of a user, with its count."""
    after: str | None = None
    while True:
        page = await client.command("conversation:list", {"limit": PAGE, **({} if after is None else {"after": after})})
        for one in page["conversations"]:
            yield one["conversation_id"], one["unread"]
        after = page["after"]
        if after is None:
            return
