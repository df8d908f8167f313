"""The synthetic recording is what its script makes, and holds every special case."""

import gzip
import json
from pathlib import Path

from tests.data.make_recording import recording
from tests.e2e import oracle

HERE = Path(__file__).parent


def test_the_file_is_what_the_script_makes() -> None:
    rows = [json.loads(line) for line in gzip.decompress(recording()).decode().splitlines()]
    assert oracle.read(HERE / "recording.jsonl.gz") == rows


def test_it_holds_every_special_case() -> None:
    rows = oracle.read(HERE / "recording.jsonl.gz")
    found = oracle.fold(rows)
    codes = [code for _, code in found.rejected]
    assert codes.count("message_not_found") >= 4
    assert codes.count("not_the_author") >= 2
    assert found.skipped_leaves >= 3
    assert found.rootless_replies >= 2
    assert found.unchanging_edits >= 3
    assert found.returning_edits >= 1
    messages = [message for sent in found.channels.values() for message in sent.values()]
    assert any(message.deleted and message.edited for message in messages)
    assert any(message.deleted and not message.edited for message in messages)
    assert any(message.reply_to for message in messages)
    assert len({row["user"] for row in rows}) >= 12
    assert len({row["channel"] for row in rows}) == 6
    assert 250 <= len(rows) <= 350
