"""The oracle is right on a recording small enough to check by hand, and finds every kind of damage."""

import copy
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import oracle
from tests.e2e.oracle import Expected, differences, fold

ROWS: list[dict[str, Any]] = [
    {"at": "1", "kind": "join", "channel": "c", "user": "ada"},
    {"at": "2", "kind": "send", "channel": "c", "user": "ada", "text": "one"},
    {"at": "3", "kind": "send", "channel": "c", "user": "bo", "text": "two", "thread": "2"},
    {"at": "4", "kind": "edit", "channel": "c", "user": "bo", "target": "2", "text": "not mine"},
    {"at": "5", "kind": "edit", "channel": "c", "user": "ada", "target": "2", "text": "one"},
    {"at": "6", "kind": "edit", "channel": "c", "user": "bo", "target": "3", "text": "2"},
    {"at": "7", "kind": "edit", "channel": "c", "user": "bo", "target": "3", "text": "two"},
    {"at": "8", "kind": "send", "channel": "c", "user": "ada", "text": "three", "thread": "0"},
    {"at": "9", "kind": "edit", "channel": "c", "user": "ada", "target": "8", "text": "3"},
    {"at": "10", "kind": "delete", "channel": "c", "user": "ada", "target": "8"},
    {"at": "11", "kind": "delete", "channel": "c", "user": "ada", "target": "8"},
    {"at": "12", "kind": "edit", "channel": "c", "user": "ada", "target": "8", "text": "late"},
    {"at": "13", "kind": "delete", "channel": "c", "user": "cy", "target": "99"},
    {"at": "14", "kind": "leave", "channel": "c", "user": "dee"},
    {"at": "15", "kind": "leave", "channel": "c", "user": "bo"},
    {"at": "16", "kind": "send", "channel": "c", "user": "ada", "text": "four"},
    {"at": "17", "kind": "send", "channel": "d", "user": "bo", "text": "elsewhere"},
]


def line(seq: int, at: str, sender: str, text: str | None, conversation: str = "c", **more: Any) -> dict[str, Any]:
    usual = {"edited": False, "deleted": False, "reply_to": None}
    names = {"conversation": conversation, "seq": seq, "message_id": f"{conversation}{at}", "client_msg_id": at}
    return {**names, "sender": sender, "text": text, **usual, **more}


TRANSCRIPT = [
    line(1, "2", "ada", "one"),
    line(2, "3", "bo", "two", edited=True, reply_to="2"),
    line(3, "8", "ada", None, edited=True, deleted=True),
    line(4, "16", "ada", "four"),
    line(1, "17", "bo", "elsewhere", conversation="d"),
]


def test_fold_of_a_small_recording_is_as_checked_by_hand() -> None:
    found = fold(ROWS)
    assert found.channels == {
        "c": {
            "2": Expected("ada", "one", None),
            "3": Expected("bo", "two", "2", edited=True),
            "8": Expected("ada", None, None, edited=True, deleted=True, deleted_by="ada"),
            "16": Expected("ada", "four", None),
        },
        "d": {"17": Expected("bo", "elsewhere", None)},
    }
    assert found.rejected == [(4, "not_the_author"), (12, "message_not_found"), (13, "message_not_found")]
    assert (found.skipped_leaves, found.rootless_replies) == (1, 1)
    assert (found.unchanging_edits, found.returning_edits) == (1, 1)
    assert found.deliveries == 1 + 2 + 2 + 2 + 1


def test_correct_transcript_has_no_differences() -> None:
    assert differences(TRANSCRIPT, fold(ROWS)) == []


def test_only_the_order_of_each_user_is_compared() -> None:
    rows = [
        {"at": "1", "kind": "send", "channel": "c", "user": "ada", "text": "a"},
        {"at": "2", "kind": "send", "channel": "c", "user": "bo", "text": "b"},
    ]
    assert differences([line(1, "2", "bo", "b"), line(2, "1", "ada", "a")], fold(rows)) == []


def change(number: int, **fields: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda lines: lines[number].update(fields)


def swap(one: int, other: int) -> Callable[[list[dict[str, Any]]], None]:
    """Return a function that swaps two messages of a conversation, with their numbers."""

    def damage(lines: list[dict[str, Any]]) -> None:
        lines[one]["seq"], lines[other]["seq"] = lines[other]["seq"], lines[one]["seq"]
        lines[one], lines[other] = lines[other], lines[one]

    return damage


@pytest.mark.parametrize(
    ("damage", "reported"),
    [
        pytest.param(change(0, text="uno"), "text is 'uno'", id="another text"),
        pytest.param(change(2, text="3"), "text is '3', must be None", id="a deleted text that is still there"),
        pytest.param(change(0, edited=True), "edited is True", id="an edit that changed nothing counts"),
        pytest.param(change(1, edited=False), "edited is False", id="a lost edit"),
        pytest.param(change(2, edited=False), "edited is False", id="a deletion that forgets the edit"),
        pytest.param(change(2, deleted=False), "deleted is False", id="a lost deletion"),
        pytest.param(change(0, deleted=True), "deleted is True", id="a deletion too many"),
        pytest.param(change(0, sender="bo"), "sender is 'bo'", id="another sender"),
        pytest.param(change(1, reply_to=None), "reply_to is None", id="a lost root"),
        pytest.param(change(2, reply_to="2"), "reply_to is '2'", id="a root from nowhere"),
        pytest.param(change(3, seq=5), "seq is not 1 to 4", id="a hole in seq"),
        pytest.param(change(3, seq=3), "seq is not 1 to 4", id="one seq twice"),
        pytest.param(change(0, message_id="c3"), "occurs 2 times", id="one id twice"),
        pytest.param(change(4, conversation="e"), "e 17: is there and was never sent", id="another conversation"),
        pytest.param(lambda lines: lines.pop(3), "c 16: is missing", id="the last one missing"),
        pytest.param(lambda lines: lines.pop(4), "d 17: is missing", id="a whole conversation missing"),
        pytest.param(lambda lines: lines.insert(4, line(5, "99", "cy", "?")), "was never sent", id="one too many"),
        pytest.param(lambda lines: lines.insert(4, line(5, "16", "ada", "four")), "there 2 times", id="one twice"),
        pytest.param(swap(2, 3), "comes after a later message of ada", id="one user's messages out of order"),
        pytest.param(swap(0, 1), "comes before 2, which it answers", id="a reply before its root"),
        pytest.param(lambda lines: lines.clear(), "is missing", id="nothing at all"),
    ],
)
def test_every_kind_of_damage_is_found(damage: Callable[[list[dict[str, Any]]], Any], reported: str) -> None:
    lines = copy.deepcopy(TRANSCRIPT)
    damage(lines)
    found = differences(lines, fold(ROWS))
    assert any(reported in difference for difference in found), found


def test_row_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1"):
        fold([{"at": "1", "kind": "wave", "channel": "c", "user": "ada"}])


def test_oracle_imports_none_of_our_code() -> None:
    source = Path(oracle.__file__).read_text()
    ours = ("schemas", "core", "projections", "streams", "edge", "tests")
    assert not [
        text
        for text in source.splitlines()
        if text.split(" ")[:1] in (["from"], ["import"]) and text.split(" ")[1].split(".")[0] in ours
    ]


def test_exit_status_of_the_program_reports_differences(tmp_path: Path) -> None:
    recording = tmp_path / "recording.jsonl.gz"
    with gzip.open(recording, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in ROWS)

    def check(lines: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
        text = "".join(json.dumps(one) + "\n" for one in lines)
        command = [sys.executable, oracle.__file__, str(recording)]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    assert check(TRANSCRIPT).returncode == 0
    wrong = check(TRANSCRIPT[1:])
    assert wrong.returncode == 1
    assert "c 2: is missing" in wrong.stdout
