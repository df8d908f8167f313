"""Find the last change that a user who left a conversation may know: the one that removed them."""

from typing import Final

from projections.queries.lanes import Lanes
from schemas.wire.frames import CONVERSATION

REMOVED: Final = "participants-removed"
PAGE: Final = 100
"""Maximum number of changes that are read together."""


async def left_at(lanes: Lanes, conversation_id: str, user_id: str, head: int) -> int:
    """Return the number of the last change up to `head` that removed the user; 0 if there is none yet."""
    while head > 0 and (rows := await lanes.rows_between(conversation_id, CONVERSATION, 0, head, PAGE, reverse=True)):
        for row in rows:
            change, head = row.row["change"], row.n - 1
            if change["change"] == REMOVED and change["applied"] and user_id in change.get("participants", ()):
                return row.n
    return 0
