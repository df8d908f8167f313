"""People at a node who ask and wait: for the level or the error, for a change, for a message to be persisted."""

from typing import Any

from edge.socket.node import Node
from tests.edge.socket.world import Person
from tests.eventually import eventually


async def come(node: Node, *users: str) -> list[Person]:
    return [await Person(node, user).come() for user in users]


async def do(who: Person, kind: str, conversation_id: str, **data: Any) -> str:
    """Ask; the level that is answered, or the error's code."""
    answer = await who.ask(kind, conversation_id=conversation_id, **data)
    return str(answer["data"]["level"] if answer["type"] == "ack" else answer["error"]["code"])


async def told(who: Person, conversation_id: str, n: int) -> dict[str, Any]:
    """Change `n`, once it has come."""

    def change() -> dict[str, Any] | None:
        updates = (frame["data"] for frame in who.of("conversation:updated"))
        return next((one for one in updates if (one["conversation_id"], one["n"]) == (conversation_id, n)), None)

    return await eventually(lambda: change() or False)


async def shown(who: Person, conversation_id: str) -> dict[str, Any]:
    """What `conversation:get` answers."""
    data: dict[str, Any] = (await who.ask("conversation:get", conversation_id=conversation_id))["data"]
    return data


async def said(who: Person, conversation_id: str, key: str, **more: Any) -> str:
    """A message, once it is in the read model."""
    answer = await who.ask("message:send", conversation_id=conversation_id, client_msg_id=key, text=key, **more)
    message_id: str = answer["data"]["message_id"]
    await eventually(lambda: any(one["data"]["message_id"] == message_id for one in who.of("receipt")))
    return message_id
