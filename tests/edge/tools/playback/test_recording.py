import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from edge.tools.playback.recording import Edit, Join, Malformed, Send, parse, read

SEND = {"at": "1.5", "kind": "send", "channel": "c", "user": "ada", "text": "hello"}


def lines(*rows: dict[str, Any]) -> list[bytes]:
    return [json.dumps(row).encode() for row in rows]


def test_rows_are_decoded_by_kind() -> None:
    join = {"at": "1", "kind": "join", "channel": "c", "user": "ada"}
    edit = {"at": "2", "kind": "edit", "channel": "c", "user": "ada", "target": "1.5", "text": "hi"}
    assert list(parse(lines(join, SEND, edit))) == [
        Join("1", "c", "ada"),
        Send("1.5", "c", "ada", "hello"),
        Edit("2", "c", "ada", "1.5", "hi"),
    ]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        pytest.param(b"{", "truncated", id="no JSON"),
        pytest.param(b"", "truncated", id="an empty line"),
        pytest.param(json.dumps({**SEND, "kind": "wave"}).encode(), "wave", id="an unknown kind"),
        pytest.param(json.dumps({**SEND, "text": 5}).encode(), "text", id="another type"),
        pytest.param(json.dumps({key: SEND[key] for key in ("at", "kind", "user")}).encode(), "channel", id="a lack"),
        pytest.param(json.dumps({**SEND, "text": "\u200b"}).encode(), "seen", id="a blank text"),
        pytest.param(json.dumps({**SEND, "user": "play"}).encode(), "play", id="the player's own name"),
        pytest.param(json.dumps({**SEND, "user": "a b"}).encode(), "user", id="no user id"),
        pytest.param(json.dumps(SEND).encode(), "already", id="one message twice"),
        pytest.param(b'{"at": "\xff"}', "", id="no UTF-8"),
    ],
)
def test_malformed_row_is_reported_with_its_line_and_reason(wrong: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=f"line 2: .*{why}"):
        list(parse([*lines(SEND), wrong]))


def test_same_time_in_two_channels_names_two_messages() -> None:
    assert len(list(parse(lines(SEND, {**SEND, "channel": "d"})))) == 2


def test_file_may_be_gzipped_or_plain(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(lines(SEND)[0])
    (tmp_path / "zipped").write_bytes(gzip.compress(lines(SEND)[0]))
    assert read(tmp_path / "plain") == read(tmp_path / "zipped") == [Send("1.5", "c", "ada", "hello")]


def test_damaged_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "torn").write_bytes(gzip.compress(lines(SEND)[0])[:-9])
    with pytest.raises(Malformed, match="damaged"):
        read(tmp_path / "torn")
