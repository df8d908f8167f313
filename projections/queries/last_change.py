"""Find the last change that a user who left a conversation may know: the one that removed them."""

from typing import Final

from projections.conversations.conversation_rows import LANE as CHANGES
from projections.queries.lanes import Lanes

REMOVED: Final = "participants-removed"


PAGE: Final = 100
"""Maximum number of changes that are read together."""


async def left_at(lanes: Lanes, conversation_id: str, user_id: str, head: int) -> int:
    """Return the number of the last change up to `head` that removed the user; 0 if there is none yet."""
    while head > 0 and (rows := await lanes.rows_between(conversation_id, CHANGES, 0, head, PAGE, reverse=True)):
        for row in rows:
            change, head = row.row["change"], row.n - 1
            if change["change"] == REMOVED and change["applied"] and user_id in change.get("participants", ()):
                return row.n
    return 0
