"""A repeat of what is in the log is answered like its first attempt, and both are one audit record."""

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from edge.socket.node import Node
from schemas import ids
from tests.edge.socket.asking import come, do, said
from tests.edge.socket.world import TENANT, Person, World, room
from tests.eventually import eventually


class OldRow:
    """A store that shows one node the row of a message, and how far messages were read, as they once were."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._rows: dict[str, Any] = {}
        self._read: Any = None
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def keep(self, key: str) -> None:
        row = self._inner._rows["messages", "messages", 1].get(key)
        self._rows = {key: copy.deepcopy(row)}
        self._read = dict(self._inner._checkpoints["messages", 1])

    def catch_up(self) -> None:
        self._rows, self._read = {}, None

    async def get(self, place: Any, ids: Any) -> Any:
        keys = set(ids)
        rows = await self._inner.get(place, keys) | {key: row for key, row in self._rows.items() if key in keys}
        return {key: row for key, row in rows.items() if row is not None}

    async def checkpoints(self, processor: str, generation: int) -> Any:
        if self._read is None or processor != "messages":
            return await self._inner.checkpoints(processor, generation)
        self.asked += 1
        return self._read


class Scene(NamedTuple):
    """Ann, who owns the group and has deleted Ben's message, and Ben at a node that does not know of it, and at one
    that does.
    """

    system: World
    here: str
    message_id: str
    ann: Person
    behind: Person
    aware: Person

    def audited(self, action: str, outcome: str | None = None) -> list[tuple[str, str | None]]:
        rows = self.system.documents._rows.get(("audit", "records", 1), {}).values()
        found = [row["log"]["record"] for row in rows if "log" in row]
        return [
            (one["outcome"], one["reason"])
            for one in found
            if (one["actor"]["id"], one["action"]) == ("ben", action) and outcome in (None, one["outcome"])
        ]

    async def settle(self) -> None:
        """Wait until everything that was said is audited: a later command has its record."""
        await said(self.ann, self.here, "last")
        await eventually(self._has_last)

    def _has_last(self) -> bool:
        rows = self.system.documents._rows.get(("audit", "records", 1), {}).values()
        return any(row["log"]["record"]["action"] == "message:send" for row in rows if row["actor"] == "ann")


@pytest.fixture
async def scene(running: tuple[World, Node]) -> AsyncIterator[Scene]:
    system, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    message_id = await said(ben, here, "his")
    old = OldRow(system.documents)
    other = system.node("two", documents=old)
    await other.start()
    (behind,) = await come(other, "ben")
    old.keep(message_id)
    assert await do(ann, "message:delete", here, message_id=message_id) == "accepted"
    await eventually(lambda: ben.of("message:deleted") or False)
    yield Scene(system, here, message_id, ann, behind, ben)
    await other.stop()


async def test_repeat_of_an_edit_that_lost_against_a_deletion_is_answered_like_the_first(scene: Scene) -> None:
    edit = {"message_id": scene.message_id, "text": "too late", "client_key": "k"}
    assert await do(scene.behind, "message:edit", scene.here, **edit) == "accepted"
    assert await do(scene.aware, "message:edit", scene.here, **edit, retry=True) == "persisted"
    await scene.settle()
    assert scene.audited("message:edit") == [("success", None)]


async def test_repeat_of_a_deletion_that_lost_against_another_is_answered_like_the_first(scene: Scene) -> None:
    assert await do(scene.behind, "message:delete", scene.here, message_id=scene.message_id) == "accepted"
    assert await do(scene.aware, "message:delete", scene.here, message_id=scene.message_id, retry=True) == "persisted"
    await scene.settle()
    assert scene.audited("message:delete") == [("success", None)]


async def test_repeat_with_another_text_is_a_conflict(scene: Scene) -> None:
    edit = {"message_id": scene.message_id, "client_key": "k"}
    assert await do(scene.behind, "message:edit", scene.here, **edit, text="too late") == "accepted"
    assert await do(scene.aware, "message:edit", scene.here, **edit, text="another", retry=True) == (
        "idempotency_conflict"
    )


async def test_edit_that_is_in_no_log_is_refused_also_as_a_repeat(scene: Scene) -> None:
    edit = {"message_id": scene.message_id, "text": "never sent", "client_key": "k"}
    assert await do(scene.aware, "message:edit", scene.here, **edit, retry=True) == "message_not_found"
    await eventually(lambda: scene.audited("message:edit") == [("failure", "message_not_found")])


async def test_repeat_of_a_send_waits_for_rows_that_lag_before_it_is_refused(scene: Scene) -> None:
    send = {"client_msg_id": "k", "text": "in the log"}
    lagging = OldRow(scene.system.documents)
    other = scene.system.node("three", documents=lagging)
    await other.start()
    (again,) = await come(other, "ben")
    lagging.keep(ids.message_id(TENANT, scene.here, "ben", "k"))
    assert await do(scene.aware, "message:send", scene.here, **send) == "accepted"
    assert await do(scene.ann, "conversation:remove-participants", scene.here, participants=["ben"]) == "accepted"
    repeat = asyncio.create_task(do(again, "message:send", scene.here, **send, retry=True))
    await eventually(lambda: lagging.asked or False)
    lagging.catch_up()
    assert await repeat == "persisted"
    await other.stop()
    await scene.settle()
    assert scene.audited("message:send") == [("success", None), ("success", None)]


async def test_repeat_of_a_reaction_of_a_member_who_was_removed_since_is_answered_like_the_first(scene: Scene) -> None:
    hers = await said(scene.ann, scene.here, "hers")
    reaction = {"message_id": hers, "emoji": "👍", "client_key": "r"}
    assert await do(scene.aware, "reaction:add", scene.here, **reaction) == "accepted"
    await eventually(lambda: scene.ann.of("reaction:changed") or False)
    assert await do(scene.ann, "conversation:remove-participants", scene.here, participants=["ben"]) == "accepted"
    other = scene.system.node("three")
    await other.start()
    (again,) = await come(other, "ben")
    assert await do(again, "reaction:add", scene.here, **reaction, retry=True) == "persisted"
    assert await do(again, "reaction:add", scene.here, **{**reaction, "client_key": "s"}) == "not_a_participant"
    await other.stop()
    await eventually(lambda: scene.audited("reaction:add", "denied") == [("denied", "not_a_participant")])
    assert scene.audited("reaction:add", "success") == [("success", None)]
