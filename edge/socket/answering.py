"""Which question is answered by whom."""

from typing import assert_never

from edge.auth.tokens import Identity
from edge.socket.history import History
from edge.socket.queries import Queries
from schemas import commands
from schemas.answers import Answer
from schemas.commands import GetConversation, GetMessage, ListConversations, SearchMessages, Thread

Question = GetMessage | commands.History | Thread | GetConversation | ListConversations | SearchMessages
"""Every query but `sync`, which is answered by more than an answer."""


class Answering:
    """Answers every question of one node's users. Raises `Rejected` (proved), `NotReady` and `Unavailable`."""

    def __init__(self, queries: Queries, history: History) -> None:
        self._queries = queries
        self._history = history

    async def answer(self, who: Identity, asked: Question) -> Answer:
        """What is told to this user."""
        match asked:
            case GetMessage():
                return await self._history.get(who, asked)
            case commands.History():
                return await self._history.page(who, asked)
            case Thread():
                return await self._history.thread(who, asked)
            case GetConversation():
                return await self._queries.get(who, asked)
            case ListConversations():
                return await self._queries.page(who, asked)
            case SearchMessages():
                return await self._queries.search(who, asked)
            case _:
                assert_never(asked)
