"""Send commands as people of a node and wait: for the level or the error, for a change, for a persisted message."""

from typing import Any

from edge.socket.node import Node
from tests.edge.socket.world import Person
from tests.eventually import eventually


async def come(node: Node, *users: str) -> list[Person]:
    return [await Person(node, user).come() for user in users]


async def do(who: Person, kind: str, conversation_id: str, **data: Any) -> str:
    """Send a command. Return the level of the answer, or the error's code."""
    answer = await who.ask(kind, conversation_id=conversation_id, **data)
    return str(answer["data"]["level"] if answer["type"] == "ack" else answer["error"]["code"])


async def pushed_change(who: Person, conversation_id: str, n: int) -> dict[str, Any]:
    """Return the push of change `n`, once it has arrived."""

    def change() -> dict[str, Any] | None:
        updates = (frame["data"] for frame in who.of("conversation:updated"))
        return next((one for one in updates if (one["conversation_id"], one["n"]) == (conversation_id, n)), None)

    return await eventually(lambda: change() or False)


async def shown(who: Person, conversation_id: str) -> dict[str, Any]:
    """Return the answer to `conversation:get`."""
    data: dict[str, Any] = (await who.ask("conversation:get", conversation_id=conversation_id))["data"]
    return data


async def said(who: Person, conversation_id: str, key: str, **more: Any) -> str:
    """Send a message. Return its id once it is in the read model."""
    answer = await who.ask("message:send", conversation_id=conversation_id, client_msg_id=key, text=key, **more)
    message_id: str = answer["data"]["message_id"]
    await eventually(lambda: any(one["data"]["message_id"] == message_id for one in who.of("receipt")))
    return message_id
