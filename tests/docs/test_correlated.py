"""Whatever a client is answered, is pushed or leaves in the log has the correlation id of the command that caused it,
and is in its trace.
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from core.ports.event_log import Received
from schemas import topics, trace_context
from schemas.commands import COMMANDS
from schemas.topics import partitions
from schemas.wire.frames import CURSORS, PUSH_OF_LANE
from tests.docs.test_audited import SIGNALS
from tests.docs.test_spoken import Speaker, talk
from tests.edge.socket.world import World, world
from tests.eventually import eventually

WITHOUT = {"hello", CURSORS, "presence", "typing"}
"""Pushes of what is so now: each may join what several commands caused."""
FROM_ROWS = {kind for lane, kind in PUSH_OF_LANE.items() if lane != "sent"}
"""Pushes that may be made again from a row, which has no correlation id: who is added gets what was before so."""
OWN = {"auth:login", "frame:refused"}
"""What is recorded without a command; so are signals, counted by the minute."""


class Traced(Speaker):
    """Someone who says everything under a correlation id and a trace of its own."""

    traces: dict[str, str]

    async def say(self, kind: str, *, retry: bool = False, **data: Any) -> int:
        assert self.client is not None
        number, correlation_id, trace = next(self._ids), str(uuid4()), uuid4().hex
        self.asked = {**getattr(self, "asked", {}), number: kind}
        self.traces = {**getattr(self, "traces", {}), correlation_id: trace}
        self.ids = {**getattr(self, "ids", {}), number: correlation_id}
        around = {"correlation_id": correlation_id, "traceparent": f"00-{trace}-{'cd' * 8}-01", "retry": retry}
        await self.node.receive(self.client, json.dumps({"id": number, "type": kind, "data": data, **around}))
        return number


async def logged(system: World) -> list[Received]:
    every = partitions(*topics.TOPICS)
    ends = await system.log.end_offsets(every)
    return [one async for batch in system.log.read(dict.fromkeys(every, 0), ends) for one in batch]


async def test_everything_has_the_correlation_id_and_the_trace_of_its_command(tmp_path: Path) -> None:
    async with world(tmp_path) as (system, node):
        ann, ben = Traced(node, "ann"), Traced(node, "ben")
        await ann.come()
        await ben.come()
        await talk(system, ann, ben)
        refused = await ben.ask("message:send", conversation_id=str(uuid4()), client_msg_id="x", text="x")
        assert refused["error"]["code"] == "conversation_not_found"
        assert {*ann.asked.values(), *ben.asked.values()} == COMMANDS.keys()
        await eventually(lambda: answers_are_whole(ann, ben))
        traces = ann.traces | ben.traces
        for who in (ann, ben):
            correlated = {frame["type"] for frame in who.heard if frame.get("correlation_id") in traces}
            assert correlated >= {frame["type"] for frame in who.heard} - WITHOUT
            for frame in who.heard:
                if frame.get("id") is not None:
                    assert frame["correlation_id"] == who.ids[frame["id"]], frame
                elif frame.get("correlation_id") not in traces:
                    assert frame["type"] in WITHOUT | FROM_ROWS and frame.get("correlation_id") is None, frame
        records = await logged(system)
        assert {record.topic for record in records} >= topics.TOPICS.keys() - {topics.DEAD_LETTER}
        for record in records:
            headers = {name: value.decode() for name, value in record.headers}
            correlation_id = headers["correlation_id"]
            assert str(UUID(correlation_id)) == correlation_id == headers["ce_correlationid"]
            assert trace_context.accepted(headers["traceparent"]) == headers["traceparent"]
            expected = traces.get(correlation_id, trace_context.trace_of_correlation(correlation_id))
            assert trace_context.trace_id(headers["traceparent"]) == expected, headers
            assert correlation_id in traces or of_no_command(record), headers


def answers_are_whole(*speakers: Traced) -> bool:
    return all(who.reply(number) for who in speakers for number in who.asked)


def of_no_command(record: Received) -> bool:
    """Whether a record came of no single command: a login, or what is counted by the minute."""
    value = json.loads(record.value or b"{}")
    return record.topic == topics.AUDIT_LOG and value["action"] in OWN | SIGNALS
