"""QueryDispatch routes each query to the reader that answers it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never

from core.identity import Identity
from edge.socket.channels.conversation_channel import ConversationChannel
from edge.socket.presence.presence_service import PresenceService
from projections.queries.conversation import ConversationQueries
from projections.queries.conversation_list import ConversationList
from projections.queries.history import History
from projections.queries.own_writes import NOTHING, OwnWrites, OwnWritesRead
from projections.queries.search import MessageSearch
from schemas.commands import queries
from schemas.commands.queries import GetConversation, GetMessage, GetPresence, ListConversations, SearchMessages, Thread
from schemas.wire.answers import Answer, Presences

SingleQuery = GetMessage | queries.History | Thread | GetConversation | ListConversations | GetPresence | SearchMessages
"""Every query with a single answer: all except `sync`."""
NO_CHANNELS: Final[Mapping[str, ConversationChannel]] = MappingProxyType({})


class QueryDispatch:
    """Answers the queries of one node's users, except `sync`. Raises `Rejected` (re-checked against the log's end),
    `NotReady`, `SearchTimeout` and `Unavailable`.
    """

    def __init__(
        self,
        queries: ConversationQueries,
        listed: ConversationList,
        history: History,
        search: MessageSearch,
        presence: PresenceService,
        *,
        own: OwnWritesRead,
    ) -> None:
        self._queries = queries
        self._list = listed
        self._history = history
        self._search = search
        self._presence = presence
        self._own = own

    async def wait(self, writes: OwnWrites, query: SingleQuery) -> None:
        """Return when the answer will contain everything acknowledged to the session before (`writes`)."""
        await self._own.wait(writes, query)

    async def answer(
        self,
        who: Identity,
        query: SingleQuery,
        writes: OwnWrites = NOTHING,
        channels: Mapping[str, ConversationChannel] = NO_CHANNELS,
    ) -> Answer:
        """Return the answer for this user; `writes` and `channels` are those of the session."""
        found: Answer
        match query:
            case GetMessage():
                found = await self._history.get(who, query)
            case queries.History():
                found = await self._history.page(who, query)
            case Thread():
                found = await self._history.thread(who, query)
            case GetConversation():
                found = await self._queries.get(who, query)
            case ListConversations():
                found = await self._list.page(who, query, channels, writes)
            case GetPresence():
                found = Presences(presences=await self._presence.find(who, query.users))
            case SearchMessages():
                found = await self._search.search(who, query)
            case _:
                assert_never(query)
        return found
