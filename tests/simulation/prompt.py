"""Check, in calm, that a message reaches everybody in its conversation by a push, before any node polls."""

import asyncio
from typing import TYPE_CHECKING

from schemas.commands.message import SendMessage
from tests.simulation import fold, users
from tests.simulation.screens import Screen

if TYPE_CHECKING:
    from tests.simulation.world import World

SOON_S = 0.5
"""Time within which a push comes, in seconds; a node looks twice, a second apart, before it recovers a lost one."""


async def speak(world: "World") -> None:
    """Law 21: let a member of each conversation send, and see that every member's client is shown it at once."""
    said: dict[str, str] = {}
    for key, room in sorted(fold.whole(world.ledger.storage.records).rooms.items()):
        members = sorted(room.roles()) if room is not None else []
        if members:
            text = SendMessage(conversation_id=key, client_msg_id=world.talk.key(), text=f"soon {key}")
            command, context = users.announced(text, world.chance.choice(members), world.talk)
            asked = await world.ask(command, context, False)
            if asked.outcome == "accepted":
                said[asked.reply["message_id"]] = key
    await asyncio.sleep(SOON_S)
    rooms = fold.whole(world.ledger.storage.records).rooms
    for message_id, key in said.items():
        members = [screen for screen in world.screens.values() if rooms[key].is_member(screen.user)]
        late = [screen.user for screen in members if _lacks(screen, message_id)]
        if late:
            world.complain(f"law 21: {late} were not pushed {message_id} of {key} within {SOON_S} s")


def _lacks(screen: Screen, message_id: str) -> bool:
    living = screen.client is not None and screen.node is not None and not screen.node.process.dead
    return living and message_id not in screen.texts
