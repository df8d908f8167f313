"""What a user can ask of a kept system, and what was answered. No question changes anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from edge.auth.tokens import Tokens
from tests.e2e.line import Frame, Line, opened

TENANTS = ("default", "acme")
USERS = ("ann", "bob", "cy", "dee", "eve")
NAMES = {"ann": ["order-"]}
"""How the names begin that these users may open for the application."""
SEARCHES = (
    {"text": "mango"},
    {"text": "папайя"},
    {"text": "papaya"},
    {"text": "guava", "limit": 1},
    {"text": "strasse cafe"},
    {"text": "上海"},
    {"text": "안녕"},
    {"text": "елка"},
    {"text": "🎉"},
    {"text": "vers", "prefix": True},
    {"text": "back", "sender": "bob"},
)


@dataclass(frozen=True)
class Answered:
    """A question of a user, and its answer; with the pushes before the answer."""

    tenant: str
    user: str
    type: str
    data: Frame
    answer: Frame
    pushes: list[Frame]


class Node:
    """A node of a system, and the secret that its tokens are signed with."""

    def __init__(self, socket_url: str, token_secret: str) -> None:
        self._url = socket_url
        self._tokens = Tokens(token_secret, 900)

    @asynccontextmanager
    async def line(self, tenant: str, user: str) -> AsyncIterator[Line]:
        """Open a line of this user."""
        token, _ = self._tokens.issue(tenant, user, NAMES.get(user, ()))
        async with opened(self._url, token) as line:
            yield line


class Interview:
    """Asks as one user over one line, and keeps the answers."""

    def __init__(self, line: Line, tenant: str, user: str) -> None:
        self._line, self._tenant, self._user = line, tenant, user
        self.answers: list[Answered] = []

    async def ask(self, kind: str, **data: Any) -> Frame:
        """Ask, keep the answer, and return its data."""
        before = len(self._line.said)
        answer = await self._line.done(kind, data)
        pushes = pushes_since(self._line, before)
        self.answers.append(Answered(self._tenant, self._user, kind, data, answer, pushes))
        return answer

    async def everything(self) -> None:
        """Ask everything that this user can ask."""
        present = [row["conversation_id"] for row in await self.pages("conversation:list", "conversations", limit=2)]
        past = await self.pages("conversation:list", "conversations", present=False)
        for archived in (True, False):
            await self.ask("conversation:list", archived=archived, totals=True)
        for room in (*present, *(row["conversation_id"] for row in past)):
            await self._conversation(room)
        for search in SEARCHES:
            await self.pages("search:messages", "messages", **search)
        for room in present:
            await self.ask("search:messages", text="guava", conversation_id=room)
        await self.ask("sync", positions={}, user=0)

    async def pages(self, kind: str, rows: str, **data: Any) -> list[Frame]:
        """Ask page by page, and return all rows."""
        answer = await self.ask(kind, **data)
        found = [*answer[rows]]
        while answer["after"] is not None:
            answer = await self.ask(kind, **data, after=answer["after"])
            found += answer[rows]
        return found

    async def _conversation(self, room: str) -> None:
        await self.ask("conversation:get", conversation_id=room)
        messages = (await self.ask("message:history", conversation_id=room))["messages"]
        for place in ({"before": 9, "limit": 3}, {"around": 12, "limit": 4}, {"after": 2, "limit": 2}):
            await self.ask("message:history", conversation_id=room, **place)
        for message in messages:
            here = {"conversation_id": room, "message_id": message["message_id"]}
            if message["edited"] or message["deleted"]:
                await self.ask("message:get", **here)
            if "thread" in message or "thread_root" in message:
                await self.ask("message:thread", **here)


def pushes_since(line: Line, before: int) -> list[Frame]:
    """Return the pushes of lanes after the first `before` frames, without correlation ids, which may be missing."""
    return [
        {name: frame[name] for name in ("type", "lane", "n", "data")} for frame in line.said[before:] if "n" in frame
    ]


async def ask_everything(node: Node) -> list[Answered]:
    """Ask all questions of all users of all tenants."""
    answers: list[Answered] = []
    for tenant in TENANTS:
        for user in USERS:
            async with node.line(tenant, user) as line:
                interview = Interview(line, tenant, user)
                await interview.everything()
                answers += interview.answers
    return answers
