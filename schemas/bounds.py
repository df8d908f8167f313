"""How much of everything a client may send, and what its ids look like."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

FRAME_BYTES: Final = 409_600
"""Whatever the fields of a command may hold fits, in any encoding of JSON: six bytes to escape a character, twelve for
one beyond the basic plane. A test computes it for every command.
"""
ANSWER_BYTES: Final = 524_288
"""No frame of a node is larger: an answer that would be has fewer entries and says that there are more."""
FRAME_VALUES: Final = 65_536
"""So many commas, brackets and braces a frame has at most: what it costs to read one grows with these."""
TEXT_CHARS: Final = 20_000
IN_FLIGHT: Final = 64
COMMANDS_PER_S: Final = 100
COMMANDS_BURST: Final = 100
"""How fast one connection is read, unless a node is set otherwise."""
USER_COMMANDS_PER_S: Final = 200
USER_COMMANDS_BURST: Final = 400
"""How many commands of one user are carried out, over all connections and nodes, unless these are set otherwise."""
USER_SEARCHES_PER_MIN: Final = 30
"""How many of these may be searches, unless nodes are set otherwise."""
MEMBERS_PER_COMMAND: Final = 500
SYNC_ROWS: Final = 1_000
SYNC_CONVERSATIONS: Final = 1_000
"""Maximum of conversations that one sync gives positions of: its answer has the new positions of all of them."""
CONVERSATION_MEMBERS: Final = 10_000
"""Maximum of members of a group, unless a node is set otherwise."""
CURSOR_MEMBERS: Final = 200
"""Maximum of members of a conversation whose cursors are pushed; those of a larger one are asked for."""
STAYS_SHOWN: Final = 100
"""Maximum of stays that are shown of one participant, the newest."""
METADATA_BYTES: Final = 4_096
"""What a client may keep on a message or a conversation, as JSON."""
CIPHERTEXT_CHARS: Final = 40_000
ATTACHMENTS: Final = 10
MENTIONS: Final = 50
UNREAD_COUNTED: Final = 100
"""So many unread answers of a thread are counted."""
USERS_AT_ONCE: Final = 100
"""Of so many people at once presence is asked, or listened to."""

UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
USER_ID_PATTERN: Final = r"^[A-Za-z0-9_.@+=~-]+\Z"
CIPHERTEXT_PATTERN: Final = r"^[\t\n\r -~]+\Z"
CURSOR_PATTERN: Final = r"^[A-Za-z0-9_=-]+\Z"
TIME_PATTERN: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z\Z"
IN_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        UUID_PATTERN: "a UUID in lower case",
        USER_ID_PATTERN: "one or more of A-Z a-z 0-9 _ . @ + = ~ -",
        CIPHERTEXT_PATTERN: "printable ASCII, such as base64",
        CURSOR_PATTERN: "a cursor as an answer gave it",
        TIME_PATTERN: "a time in UTC with milliseconds, such as 2026-11-21T09:30:00.000Z",
    }
)
"""What each pattern expects."""

Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
Key = Annotated[str, Meta(min_length=1, max_length=128)]
UserId = Annotated[str, Meta(min_length=1, max_length=128, pattern=USER_ID_PATTERN)]
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS)]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Page = Annotated[int, Meta(ge=1, le=200)]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Ciphertext = Annotated[str, Meta(min_length=1, max_length=CIPHERTEXT_CHARS, pattern=CIPHERTEXT_PATTERN)]
"""ASCII, such as base64."""
Cursor = Annotated[str, Meta(min_length=1, max_length=256, pattern=CURSOR_PATTERN)]
"""Means nothing to a client."""
Emoji = Annotated[str, Meta(min_length=1, max_length=64)]
Time = Annotated[str, Meta(pattern=TIME_PATTERN)]
"""UTC with milliseconds, as all times here are."""
Users = Annotated[list[UserId], Meta(max_length=USERS_AT_ONCE)]
Members = Annotated[list[UserId], Meta(min_length=1, max_length=MEMBERS_PER_COMMAND)]
