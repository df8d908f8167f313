# Generated from schemas/bounds.py by `python -m schemas.export`: do not edit.
"""Limits of what a client may send, and the forms of its ids."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

FRAME_BYTES: Final = 409_600
"""Maximum size of a client's frame, in bytes. Any valid command fits, however its JSON is escaped: six bytes for a
character, twelve for one outside the basic plane. A test computes this for every command.
"""
ANSWER_BYTES: Final = 524_288
"""Maximum size of a node's frame, in bytes: a larger answer has fewer entries and says that more exist."""
FRAME_VALUES: Final = 65_536
"""Maximum number of commas, brackets and braces in a frame: the cost of decoding it grows with these."""
TEXT_CHARS: Final = 20_000
IN_FLIGHT: Final = 64
COMMANDS_PER_S: Final = 50
COMMANDS_BURST: Final = 100
"""Rate at which one connection is read, unless configured otherwise on the node."""
USER_COMMANDS_PER_S: Final = 100
USER_COMMANDS_BURST: Final = 400
"""Rate of one user's commands over all connections and nodes, unless configured otherwise."""
USER_SEARCHES_PER_MIN: Final = 30
"""Maximum number of searches among these, unless configured otherwise."""
MEMBERS_PER_COMMAND: Final = 500
SYNC_ROWS: Final = 1_000
SYNC_CONVERSATIONS: Final = 1_000
"""Maximum number of conversations whose positions one sync gives: its answer has the new positions of all of them."""
CONVERSATION_MEMBERS: Final = 10_000
"""Maximum number of members of a group, unless configured otherwise."""
USER_CONVERSATIONS: Final = 10_000
"""Maximum number of conversations that one user is in, unless configured otherwise."""
CURSOR_MEMBERS: Final = 200
"""Maximum number of members of a conversation whose cursors are pushed; clients query those of a larger one."""
INTERVALS_SHOWN: Final = 100
"""Maximum number of membership intervals shown of one participant: the newest."""
METADATA_BYTES: Final = 4_096
"""Maximum size of the metadata of a message or a conversation, in bytes of JSON."""
CIPHERTEXT_CHARS: Final = 40_000
ATTACHMENTS: Final = 10
MENTIONS: Final = 50
UNREAD_COUNTED: Final = 100
"""Maximum number of unread answers of a thread that are counted."""
PRESENCE_USERS: Final = 100
"""Maximum number of users in one presence query or subscription."""

UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
USER_ID_PATTERN: Final = r"^[A-Za-z0-9_.@+=~-]+\Z"
CIPHERTEXT_PATTERN: Final = r"^[\t\n\r -~]+\Z"
CURSOR_PATTERN: Final = r"^[A-Za-z0-9_=-]+\Z"
TIME_PATTERN: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z\Z"
TRACEPARENT_PATTERN: Final = (
    r"^(?!ff)(?!00.{54})[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?\Z"
)
"""Valid by the rules of W3C: version 00 has nothing behind its flags, neither id is all zeros, and no version is ff."""
PATTERN_DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        UUID_PATTERN: "a UUID in lower case",
        USER_ID_PATTERN: "one or more of A-Z a-z 0-9 _ . @ + = ~ -",
        CIPHERTEXT_PATTERN: "printable ASCII, such as base64",
        CURSOR_PATTERN: "a cursor as an answer gave it",
        TRACEPARENT_PATTERN: "a traceparent of W3C trace context",
        TIME_PATTERN: "a time in UTC with milliseconds, such as 2026-11-21T09:30:00.000Z",
    }
)
"""What each pattern expects, in words."""

Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
Traceparent = Annotated[str, Meta(pattern=TRACEPARENT_PATTERN)]
FrameId = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=128)] | None
"""The id that a client gives its command; the reply has the same. `None` if the frame has no valid one."""
Key = Annotated[str, Meta(min_length=1, max_length=128)]
UserId = Annotated[str, Meta(min_length=1, max_length=128, pattern=USER_ID_PATTERN)]
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS)]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Page = Annotated[int, Meta(ge=1, le=200)]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Ciphertext = Annotated[str, Meta(min_length=1, max_length=CIPHERTEXT_CHARS, pattern=CIPHERTEXT_PATTERN)]
"""ASCII, such as base64."""
Cursor = Annotated[str, Meta(min_length=1, max_length=256, pattern=CURSOR_PATTERN)]
"""Opaque to a client."""
Emoji = Annotated[str, Meta(min_length=1, max_length=64)]
Time = Annotated[str, Meta(pattern=TIME_PATTERN)]
"""UTC with milliseconds, like all times in the protocol."""
Users = Annotated[list[UserId], Meta(max_length=PRESENCE_USERS)]
Members = Annotated[list[UserId], Meta(min_length=1, max_length=MEMBERS_PER_COMMAND)]
