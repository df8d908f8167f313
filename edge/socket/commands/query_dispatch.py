"""Which question is answered by whom."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never

from core.identity import Identity
from edge.socket.channels.channel import Channel
from edge.socket.presence.presence_service import PresenceService
from projections.queries.conversation import ConversationQueries
from projections.queries.conversation_list import ConversationList
from projections.queries.history import History
from projections.queries.own_writes import NOTHING, OwnWrites, OwnWritesRead
from projections.queries.search import MessageSearch
from schemas.commands import queries
from schemas.commands.queries import GetConversation, GetMessage, GetPresence, ListConversations, SearchMessages, Thread
from schemas.wire.answers import Answer, Presences

Question = GetMessage | queries.History | Thread | GetConversation | ListConversations | GetPresence | SearchMessages
"""Every query but `sync`, which is answered by more than an answer."""
NO_CHANNELS: Final[Mapping[str, Channel]] = MappingProxyType({})


class QueryDispatch:
    """Answers every question of one node's users. Raises `Rejected` (proved), `NotReady`, `SearchTimeout` and
    `Unavailable`.
    """

    def __init__(
        self,
        queries: ConversationQueries,
        listed: ConversationList,
        history: History,
        searching: MessageSearch,
        people: PresenceService,
        *,
        own: OwnWritesRead,
    ) -> None:
        self._queries = queries
        self._list = listed
        self._history = history
        self._searching = searching
        self._people = people
        self._own = own

    async def wait(self, writes: OwnWrites, asked: Question) -> None:
        """Return when the answer will have all that the session had acknowledged before (`writes`)."""
        await self._own.wait(writes, asked)

    async def answer(
        self, who: Identity, asked: Question, writes: OwnWrites = NOTHING, channels: Mapping[str, Channel] = NO_CHANNELS
    ) -> Answer:
        """What is told to this user; `writes` and `channels` are those of the session."""
        found: Answer
        match asked:
            case GetMessage():
                found = await self._history.get(who, asked)
            case queries.History():
                found = await self._history.page(who, asked)
            case Thread():
                found = await self._history.thread(who, asked)
            case GetConversation():
                found = await self._queries.get(who, asked)
            case ListConversations():
                found = await self._list.page(who, asked, channels, writes)
            case GetPresence():
                found = Presences(presences=await self._people.find(who, asked.users))
            case SearchMessages():
                found = await self._searching.search(who, asked)
            case _:
                assert_never(asked)
        return found
