"""`caas trace` follows a request of a plain client through a real system, by its read model and by the topics.

A rejected command is followed to its cause, and each look is in the audit log.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.line import opened
from tests.e2e.processes import within
from tests.e2e.up import Up, running
from tests.edge.cli.conftest import Caas

SENT, REFUSED = str(uuid4()), str(uuid4())


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("traced")) as found:
        yield found


@pytest.fixture(scope="module")
def spoken(up: Up) -> str:
    """Return the conversation in which something was said."""
    return asyncio.run(speak(up))


async def speak(up: Up) -> str:
    """Say something under `SENT`, which Bob gets and reads, and something under `REFUSED`, which he may not."""
    async with opened(up.socket_url, up.token("ann")) as ann, opened(up.socket_url, up.token("bob")) as bob:
        about = {"external_id": "traced", "participants": ["bob"]}
        room: str = (await ann.done("conversation:create", about))["conversation_id"]
        message = {"conversation_id": room, "client_msg_id": "1", "text": "a secret"}
        await ann.done("message:send", message, correlation_id=SENT)
        await bob.push("message:new", conversation_id=room)
        await ann.push("receipt", stage="persisted")
        await bob.done("message:delivered", {"conversation_id": room, "seq": 1, "device": "phone"})
        answer = await bob.ask(
            "conversation:update", {"conversation_id": room, "title": "mine"}, correlation_id=REFUSED
        )
        assert answer["type"] == "error", answer
    return room


def tree(said: Any) -> list[tuple[int, str, Any, Any]]:
    """Return the depth, topic, stage or action, and outcome of each entry, in their order."""
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert not found["cut"]
    records = [(one["depth"], one["record"]) for one in found["entries"]]
    return [(n, one["topic"], one.get("stage", one.get("action")), one.get("outcome")) for n, one in records]


def without_applications(found: Any) -> list[Any]:
    return [{**one, "applications": []} for one in found["entries"]]


def test_message_is_followed_in_the_read_model_and_in_the_topics(caas: Caas, up: Up, spoken: str) -> None:
    asked = ("trace", SENT, "--data", str(up.data))
    projected, scanned = caas(*asked, "--json"), caas(*asked, "--scan", "--json")
    assert sorted(tree(projected), key=str) == [
        (0, "message.sent", None, None),
        (1, "audit.log", "message:send", "success"),
        (1, "message.delivered", "delivered", None),
        (1, "message.delivered", "persisted", None),
    ]
    assert without_applications(json.loads(scanned.out)) == without_applications(json.loads(projected.out))
    assert not any(one["applications"] for one in json.loads(scanned.out)["entries"])
    assert json.loads(projected.out)["behind"] >= 0
    assert json.loads(scanned.out)["behind"] is None
    assert "secret" not in projected.out + scanned.out
    assert {one["record"]["key"] for one in json.loads(projected.out)["entries"]} == {spoken, "default"}

    shown, again = caas(*asked, COLUMNS="120"), caas(*asked, "--scan", "--since", "all", COLUMNS="120")
    known, said = set(shown.out.splitlines()), again.out.splitlines()
    assert [line for line in said if line not in known] == ["which processors applied these records is not in the log"]
    assert any("messages +" in line for line in known)
    assert shown.out.splitlines()[0].startswith(f"trace {SENT}: 4 records in ")
    assert any("delivered up to 1 by bob" in line for line in shown.out.splitlines())


def test_processors_that_applied_a_message_are_shown_with_their_latencies(caas: Caas, up: Up, spoken: str) -> None:
    def applied() -> list[Any]:
        """Return what processors made of the message, or nothing yet: a trace waits neither for search nor long."""
        found = json.loads(caas("trace", SENT, "--data", str(up.data), "--json").out)
        assert found["journal"]
        [seen] = [one["applications"] for one in found["entries"] if one["record"]["topic"] == "message.sent"]
        return seen if all("saved_ms" in one for one in seen) else []

    applications = within(30, "every processor applies the message", applied)
    assert {one["processor"] for one in applications} >= {"messages", "search", "audit_events", "trace"}
    for one in applications:
        assert one["applied"], one
        assert one["began_ms"] <= one["saved_ms"] <= one["emitted_ms"]
        assert 0 <= one["latency_ms"] < 60_000


def test_rejected_command_is_followed_to_its_cause(caas: Caas, up: Up, spoken: str) -> None:
    for more in ((), ("--scan",)):
        found = tree(caas("trace", REFUSED, "--data", str(up.data), "--json", *more))
        assert found == [
            (0, "message.rejected", "conversation:update", "denied"),
            (1, "audit.log", "conversation:update", "denied"),
        ]


def test_each_look_is_in_the_audit_log(caas: Caas, up: Up, spoken: str) -> None:
    data = ("--data", str(up.data))
    assert caas("trace", SENT, *data, "--as", "olga").status == 0
    assert caas("trace", SENT, *data, "--scan").status == 0
    for action in ("trace:read", "operator:trace_scan"):
        said = caas("audit", "query", *data, "--purpose", "case 4711", "--action", action, "--limit", "1", "--json")
        record = json.loads(said.out)["record"]
        assert (record["outcome"], record["entity"]["type"], record["entity"]["id"]) == ("success", "correlation", SENT)


def test_unknown_request_is_reported(caas: Caas, up: Up, spoken: str) -> None:
    nobody = str(uuid4())
    said = caas("trace", nobody, "--data", str(up.data))
    assert (said.status, said.out, nobody in said.err) == (1, "", True)
    said = caas("trace", nobody, "--data", str(up.data), "--scan")
    assert (said.status, said.err.splitlines()[-1].startswith(f"caas trace: no record of {nobody} is in the log")) == (
        1,
        True,
    )


def test_it_works_where_no_system_runs_and_where_the_read_model_is_gone(caas: Caas, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    file = tmp_path / "one.jsonl"
    file.write_text('{"at":"1","kind":"send","channel":"c","user":"ann","text":"hi"}\n')
    assert caas("play", str(file), *data).status == 0
    asked = caas("audit", "query", *data, "--purpose", "case 4711", "--action", "message:send", "--json")
    correlation_id = json.loads(asked.out)["record"]["correlation_id"]
    projected = tree(caas("trace", correlation_id, *data, "--json"))
    assert len(projected) >= 3
    for name in ("documents.sqlite", "documents.sqlite-wal", "documents.sqlite-shm"):
        (tmp_path / "data" / name).unlink(missing_ok=True)
    assert tree(caas("trace", correlation_id, *data, "--scan", "--json")) == projected


@pytest.mark.parametrize(
    "wrong", [("nonsense",), (SENT, "--scan", "--since", "yesterday"), (SENT, "--scan", "--since", "2026-11-20T09:30")]
)
def test_usage_is_checked(caas: Caas, wrong: tuple[str, ...]) -> None:
    assert caas("trace", *wrong).status == 2


def test_directory_without_a_system_is_refused(caas: Caas, tmp_path: Path) -> None:
    for more in ((), ("--scan",)):
        said = caas("trace", SENT, "--data", str(tmp_path / "none"), *more)
        assert (said.status, "there is no system" in said.err) == (1, True)
