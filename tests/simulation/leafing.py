"""Users page through history, forwards and backwards."""

import random

from core.domain.decision import Rejected
from core.identity import Identity
from schemas.commands.queries import History
from schemas.wire.answers import Messages
from schemas.wire.views import MessageView
from tests.simulation.edges import Node
from tests.simulation.users import TENANT

Found = dict[tuple[str, str], tuple[list[MessageView], list[MessageView]]]
"""By user and conversation: all messages found forwards, and backwards."""


async def paged(node: Node, users: list[str], rooms: list[str], chance: random.Random) -> Found:
    """Let every user page through every conversation they may read, at one node, when all is calm."""
    found: Found = {}
    for user in users:
        for room in rooms:
            try:
                found[user, room] = await _read_pages(node, user, room, chance.randint(2, 9))
            except Rejected as rejection:
                if rejection.code not in {"not_a_participant", "conversation_not_found"}:
                    raise
    return found


async def _read_pages(node: Node, user: str, room: str, limit: int) -> tuple[list[MessageView], list[MessageView]]:
    async def page(asked: History) -> Messages:
        answer = await node.node._reads._dispatch.answer(Identity(TENANT, user, 1e12), asked)
        assert isinstance(answer, Messages)
        return answer

    found = await page(History(conversation_id=room, after=0, limit=limit))
    forth = list(found.messages)
    while found.more_after and found.messages:
        found = await page(History(conversation_id=room, after=forth[-1].seq, limit=limit))
        forth += found.messages
    found = await page(History(conversation_id=room, limit=limit))
    back = list(found.messages)
    while found.more_before and found.messages:
        found = await page(History(conversation_id=room, before=back[0].seq, limit=limit))
        back = found.messages + back
    return forth, back
