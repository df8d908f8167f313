"""Queries of clients; they append no event."""

from typing import Annotated, ClassVar

from msgspec import Meta

from schemas.bounds import SYNC_CONVERSATIONS, Cursor, Number, Page, UserId, Users, Uuid
from schemas.commands.command_base import CommandData
from schemas.wire.answers import Conversations, Found, MessageFound, Messages, Presences, Synced, ThreadFound
from schemas.wire.views import ConversationView


class GetMessage(CommandData[MessageFound], frozen=True, kw_only=True, tag="message:get"):
    """Get one message and its versions, the oldest first; `after` is the number of versions to skip."""

    conversation_id: Uuid
    message_id: Uuid
    after: Number = 0


class History(CommandData[Messages], frozen=True, kw_only=True, tag="message:history"):
    """Get messages of a conversation by `seq`, ascending: those before one, after one, around one, or the last ones."""

    cost: ClassVar[int] = 2
    conversation_id: Uuid
    before: Number | None = None
    after: Number | None = None
    around: Number | None = None
    limit: Page = 50


class Thread(CommandData[ThreadFound], frozen=True, kw_only=True, tag="message:thread"):
    """Get the answers to a message by `seq`, ascending, and the message itself; `after` is the last `seq` of a page."""

    cost: ClassVar[int] = 2
    conversation_id: Uuid
    message_id: Uuid
    after: Number = 0
    limit: Page = 50


class GetConversation(CommandData[ConversationView], frozen=True, kw_only=True, tag="conversation:get"):
    """Get one conversation with a page of its participants; `after` is the number of participants to skip."""

    cost: ClassVar[int] = 2
    conversation_id: Uuid
    after: Number = 0
    limit: Page = 200


class ListConversations(CommandData[Conversations], frozen=True, kw_only=True, tag="conversation:list"):
    """List the user's own conversations, by last activity; `after` is the cursor that ended the previous page.

    `archived` selects archived conversations or the others; left out, all. `present` false selects those that the user
    is no longer in, by id. `totals` adds counts over all of them.
    """

    cost: ClassVar[int] = 4
    after: Annotated[str, Meta(min_length=1, max_length=400)] | None = None
    archived: bool | None = None
    present: bool = True
    totals: bool = False
    limit: Page = 100


class GetPresence(CommandData[Presences], frozen=True, kw_only=True, tag="presence:get"):
    """Get the presence of these users; those with whom the user shares no conversation are left out."""

    users: Users


class Sync(CommandData[Synced], frozen=True, kw_only=True, tag="sync"):
    """Get what follows these positions: conversation → lane → n; and `user`, the position in the user's own lane.

    It covers all conversations of the user, or those whose ids lie after `after` and up to `upto`: positions that do
    not fit into one frame are sent in parts, one after another. Without `user` the user's own lane is left out. With
    `tell` false no rows are sent, and the answer has the current positions.
    """

    cost: ClassVar[int] = 5
    positions: Annotated[dict[Uuid, dict[str, Number]], Meta(max_length=SYNC_CONVERSATIONS)]
    user: Number | None = None
    after: Uuid | None = None
    upto: Uuid | None = None
    tell: bool = True


class SearchMessages(CommandData[Found], frozen=True, kw_only=True, tag="search:messages"):
    """Search the user's own conversations, or one of them, for messages that contain these words, newest first.

    With `prefix` the last word is the beginning of a word. `sender` limits it to one user's messages; `after` is the
    cursor of the previous page of the same search.
    """

    cost: ClassVar[int] = 5
    text: Annotated[str, Meta(min_length=1, max_length=500)]
    conversation_id: Uuid | None = None
    sender: UserId | None = None
    prefix: bool = False
    after: Cursor | None = None
    limit: Page = 20


Query = GetMessage | History | Thread | GetConversation | ListConversations | GetPresence | Sync | SearchMessages
