"""Nothing can be said to a node that leaves no audit record, but what people read in their own conversations."""

from pathlib import Path
from typing import Any, get_args

import pytest

from schemas.commands import COMMANDS
from schemas.commands.queries import Query
from schemas.commands.signals import Signal
from tests.docs.pages import page
from tests.docs.test_spoken import Speaker, talk
from tests.edge.socket.world import World, world
from tests.eventually import eventually

QUERIES = {name for name, command in COMMANDS.items() if command in get_args(Query)}
NAMED = (
    "auth:login",
    "frame:refused",
    "audit:query",
    "audit:counts",
    "audit:tree",
    "audit:checkpoints",
    "audit:record",
    "token:issue",
    "log:level",
    "trace:read",
)
OPERATORS = ("token", "transcript", "rebuild", "rollback", "log_adopt", "trace_scan")
SIGNALS = {name for name, command in COMMANDS.items() if command in get_args(Signal)}


def records(system: World) -> list[dict[str, Any]]:
    rows = system.documents._rows.get(("audit", "records", 1), {}).values()
    return [row["log"]["record"] for row in rows if "log" in row]


def answered(*speakers: Speaker) -> dict[str, tuple[str, str]]:
    """Return, by correlation id, the command and the outcome of everything that was decided."""
    found = {}
    for who in speakers:
        for frame in who.heard:
            kind = who.asked.get(frame.get("id") or 0, "")
            if kind and kind not in QUERIES | SIGNALS and frame.get("error", {}).get("code") != "validation_failed":
                found[frame["correlation_id"]] = kind, frame["type"]
    return found


async def test_every_command_and_signal_leaves_a_record_and_no_query_does(tmp_path: Path) -> None:
    async with world(tmp_path) as (system, node):
        ann, ben = Speaker(node, "ann"), Speaker(node, "ben")
        await ann.come()
        await ben.come()
        await talk(system, ann, ben)
        await node.stop()
        await eventually(lambda: {record["action"] for record in records(system)} >= COMMANDS.keys() - QUERIES)
        assert {record["action"] for record in records(system)} == {
            *(COMMANDS.keys() - QUERIES),
            "auth:login",
            "frame:refused",
        }
        wanted = answered(ann, ben)
        assert len(wanted) > 25
        await eventually(lambda: wanted.keys() <= {record["correlation_id"] for record in records(system)})
        for correlation_id, (command, answer) in wanted.items():
            (found,) = [record for record in records(system) if record["correlation_id"] == correlation_id]
            assert (found["action"], found["outcome"] == "success") == (command, answer == "ack")


def test_the_page_names_every_action_that_is_no_command() -> None:
    text = page("compliance.md")
    assert all(f"`{action}`" in text for action in NAMED)


@pytest.mark.parametrize("action", OPERATORS)
def test_the_page_names_every_act_of_operators(action: str) -> None:
    assert f"`operator:{action}`" in page("compliance.md")
