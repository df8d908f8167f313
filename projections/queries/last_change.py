"""Where the knowledge of somebody who left a conversation ends: at the change that says that they left."""

from typing import Final

from projections.conversations.conversation_rows import LANE as CHANGES
from projections.queries.lanes import Lanes

REMOVED: Final = "participants-removed"


PAGE: Final = 100


async def left_at(lanes: Lanes, conversation_id: str, user_id: str, head: int) -> int:
    """The number of the last change up to `head` that showed the user out; 0 where there is none yet."""
    while head > 0 and (told := await lanes.told(conversation_id, CHANGES, 0, head, PAGE, reverse=True)):
        for one in told:
            change, head = one.row["change"], one.n - 1
            if change["change"] == REMOVED and change["applied"] and user_id in change.get("participants", ()):
                return one.n
    return 0
