"""The audit record of a change has the hashes of what was there and of what is there now, and no content."""

import json
from hashlib import sha256
from typing import Any

from edge.socket.node import Node
from tests.edge.socket.asking import come, do, pushed_change, said
from tests.edge.socket.world import World, room
from tests.eventually import eventually


def of(value: dict[str, Any]) -> str:
    return sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


async def test_changes_of_texts_titles_and_roles_have_their_hashes(running: tuple[World, Node]) -> None:
    system, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    message_id = await said(ann, here, "first")
    assert await do(ann, "message:edit", here, message_id=message_id, text="second") == "accepted"
    await eventually(lambda: ben.of("message:edited") or False)
    assert await do(ann, "message:delete", here, message_id=message_id) == "accepted"
    assert await do(ann, "conversation:update", here, title="Lunch") == "accepted"
    await pushed_change(ann, here, 2)
    assert await do(ann, "conversation:set-role", here, participants=["ben"], role="admin") == "accepted"

    def records() -> dict[str, tuple[Any, ...]]:
        rows = system.documents._rows.get(("audit", "records", 1), {}).values()
        found = [row["log"]["record"] for row in rows if "log" in row]
        return {one["action"]: (one["classification"], one.get("before"), one.get("after")) for one in found}

    wanted = {
        "message:send": ("content", None, None),
        "message:edit": ("content", of({"text": "first"}), of({"text": "second"})),
        "message:delete": ("content", of({"text": "second"}), None),
        "conversation:update": ("administration", of({"title": None}), of({"title": "Lunch"})),
        "conversation:set-role": (
            "administration",
            of({"roles": {"ben": "member"}}),
            of({"roles": {"ben": "admin"}}),
        ),
    }
    await eventually(lambda: wanted.keys() <= records().keys())
    assert {action: records()[action] for action in wanted} == wanted
    pushed = json.dumps([*ann.heard, *ben.heard])
    assert not any(hashed in pushed for _, *both in wanted.values() for hashed in both if hashed)
