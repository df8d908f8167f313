"""People leaf through what was said, forth and back."""

import random

from core.domain.decision import Rejected
from core.identity import Identity
from schemas.commands.queries import History
from schemas.wire.answers import Messages
from schemas.wire.views import MessageView
from tests.simulation.edges import Node
from tests.simulation.users import TENANT

Found = dict[tuple[str, str], tuple[list[MessageView], list[MessageView]]]
"""By user and conversation: all that they found going forth, and going back."""


async def leafed(node: Node, users: list[str], rooms: list[str], chance: random.Random) -> Found:
    """Everybody leafs through every conversation that lets them, at one node, when all is calm."""
    found: Found = {}
    for user in users:
        for room in rooms:
            try:
                found[user, room] = await _leaf(node, user, room, chance.randint(2, 9))
            except Rejected as no:
                if no.code not in {"not_a_participant", "conversation_not_found"}:
                    raise
    return found


async def _leaf(node: Node, user: str, room: str, limit: int) -> tuple[list[MessageView], list[MessageView]]:
    async def page(asked: History) -> Messages:
        answer = await node.node._reads._answering.answer(Identity(TENANT, user, 1e12), asked)
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
