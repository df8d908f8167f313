"""Find the real ends of membership intervals: senders who did not know yet of a removal also wrote for that member.

Those messages follow the interval directly, up to the first that was decided with the removal known. So a message that
another node, which did not know of it either, showed to the member remains readable.
"""

from typing import Final

from msgspec import structs

from core.domain.member import Interval, Member
from projections.queries.lanes import Lanes

PAGE: Final = 20
"""Number of rows that are read together; mostly there are none, since nodes learn of a change within milliseconds."""


async def as_read(lanes: Lanes, conversation_id: str, member: Member, head: int) -> Member:
    """Return the member with the real ends of their intervals among the messages 1 … `head`. Raises `Unavailable`."""
    if member.present and len(member.intervals) == 1:
        return member
    ends = [await _ended(lanes, conversation_id, interval, head) for interval in member.intervals]
    return structs.replace(member, intervals=tuple(ends))


async def _ended(lanes: Lanes, conversation_id: str, interval: Interval, head: int) -> Interval:
    until = interval.until_seq
    if until is None or not interval.ended_n:
        return interval
    while until < head and (rows := await lanes.rows_between(conversation_id, "sent", until, head, PAGE)):
        for row in rows:
            if row.conversation_n >= interval.ended_n:
                return structs.replace(interval, until_seq=until)
            until = row.n
    return structs.replace(interval, until_seq=until)
