"""Where the stays of a member really end: who did not know yet that they were out wrote for them as well.

Those messages follow upon the stay, one after the other, up to the first that was decided by somebody who knew. So
whatever a node showed that did not know it either stays theirs to read.
"""

from dataclasses import replace
from typing import Final

from core.domain.member import Interval, Member
from projections.queries.lanes import Lanes

PAGE: Final = 20
"""Mostly there is none: who is in a conversation learns of a change within milliseconds."""


async def as_read(lanes: Lanes, conversation_id: str, member: Member, head: int) -> Member:
    """The member with the ends up to which they read of the messages 1 … `head`. Raises `Unavailable`."""
    if member.present and len(member.intervals) == 1:
        return member
    ends = [await _ended(lanes, conversation_id, stay, head) for stay in member.intervals]
    return replace(member, intervals=tuple(ends))


async def _ended(lanes: Lanes, conversation_id: str, stay: Interval, head: int) -> Interval:
    until = stay.until_seq
    if until is None or not stay.ended_n:
        return stay
    while until < head and (told := await lanes.told(conversation_id, "sent", until, head, PAGE)):
        for one in told:
            if one.conversation_n >= stay.ended_n:
                return replace(stay, until_seq=until)
            until = one.n
    return replace(stay, until_seq=until)
