"""What a client may ask to be told; nothing comes of it."""

from typing import Annotated

from msgspec import Meta

from schemas.bounds import SYNC_CONVERSATIONS, Cursor, Number, Page, UserId, Users, Uuid
from schemas.commands.command_base import CommandData


class GetMessage(CommandData, frozen=True, kw_only=True, tag="message:get"):
    """One message and its versions, the oldest first; `after` says how many of them were told before."""

    conversation_id: Uuid
    message_id: Uuid
    after: Number = 0


class History(CommandData, frozen=True, kw_only=True, tag="message:history"):
    """Messages of a conversation by `seq`, ascending: those before one, after one, around one, or the last ones."""

    conversation_id: Uuid
    before: Number | None = None
    after: Number | None = None
    around: Number | None = None
    limit: Page = 50


class Thread(CommandData, frozen=True, kw_only=True, tag="message:thread"):
    """The answers to a message by `seq`, ascending, and the message itself; `after` is the last seq of a page."""

    conversation_id: Uuid
    message_id: Uuid
    after: Number = 0
    limit: Page = 50


class GetConversation(CommandData, frozen=True, kw_only=True, tag="conversation:get"):
    """One conversation with a page of its participants; `after` says how many of them were told before."""

    conversation_id: Uuid
    after: Number = 0
    limit: Page = 200


class ListConversations(CommandData, frozen=True, kw_only=True, tag="conversation:list"):
    """One's own conversations, by their last activity; `after` is what the page before ended with.

    `archived` asks for those that one has put away, or for the others; left out, for all. `present` false asks for
    those that one was in and is no more, by id. `totals` asks for numbers of all of them as well.
    """

    after: Annotated[str, Meta(min_length=1, max_length=400)] | None = None
    archived: bool | None = None
    present: bool = True
    totals: bool = False
    limit: Page = 100


class GetPresence(CommandData, frozen=True, kw_only=True, tag="presence:get"):
    """Who of these people is there; of those with whom one shares no conversation nothing is told."""

    users: Users


class Sync(CommandData, frozen=True, kw_only=True, tag="sync"):
    """What happened beyond these positions: conversation → lane → n; and beyond `user`, the position in one's own lane.

    It is about all of one's conversations, or about those whose ids lie after `after` and up to `upto`: so positions
    that do not fit into a frame are asked of in parts, one after another. Where `user` is left out nothing of one's
    own lane is told. Where `tell` is false nothing is told, and the answer is where all of it stands.
    """

    positions: Annotated[dict[Uuid, dict[str, Number]], Meta(max_length=SYNC_CONVERSATIONS)]
    user: Number | None = None
    after: Uuid | None = None
    upto: Uuid | None = None
    tell: bool = True


class SearchMessages(CommandData, frozen=True, kw_only=True, tag="search:messages"):
    """Messages of one's own conversations, or of one of them, that contain these words, newest first.

    With `prefix` the last word is the beginning of one. `sender` asks for what one person said; `after` is the cursor
    of the page before, of the same question.
    """

    text: Annotated[str, Meta(min_length=1, max_length=500)]
    conversation_id: Uuid | None = None
    sender: UserId | None = None
    prefix: bool = False
    after: Cursor | None = None
    limit: Page = 20


Query = GetMessage | History | Thread | GetConversation | ListConversations | GetPresence | Sync | SearchMessages
