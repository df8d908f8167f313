"""A recorded chat that is played at debug level leaves nothing that people wrote, and no token, in any log."""

import asyncio
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from edge.process.secrets_file import NAME
from tests.e2e import oracle
from tests.e2e.line import opened
from tests.e2e.processes import Process
from tests.e2e.recordings import SYNTHETIC, recordings
from tests.e2e.up import running

MIN_CHARACTERS = 12
"""Shorter texts are words that a log may have by itself."""
TOKEN = re.compile(r"eyJ[\w-]+\.")


def leaks(log: str, texts: Iterable[str]) -> list[str]:
    """Return the texts that a log has, as they are or escaped as in JSON, and the beginnings of its tokens."""
    long = {text for text in texts if len(text) >= MIN_CHARACTERS}
    found = [text for text in long if text in log or json.dumps(text)[1:-1] in log]
    return found + TOKEN.findall(log)


def test_leak_is_found_in_both_forms() -> None:
    text = 'Nudeln um "zwölf"?'
    assert leaks(f"DEBUG caas.worker {text}", [text]) == [text]
    assert leaks(json.dumps({"message": f"saved {text}"}), [text]) == [text]
    assert leaks("DEBUG caas.worker eyJhbGciOi.x.y", []) == ["eyJhbGciOi."]
    assert leaks("DEBUG caas.worker m1 is open", [text]) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("recording", recordings())
async def test_debug_log_of_a_recorded_chat_has_no_content_and_no_token(tmp_path: Path, recording: Path) -> None:
    await play_and_look_for_leaks(tmp_path, recording, "json")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_debug_log_in_text_form_has_none_either(tmp_path: Path) -> None:
    await play_and_look_for_leaks(tmp_path, SYNTHETIC, "text")


async def play_and_look_for_leaks(tmp_path: Path, recording: Path, line_format: str) -> None:
    texts = {str(row["text"]) for row in oracle.read(recording) if row.get("text")}
    assert len([text for text in texts if len(text) >= MIN_CHARACTERS]) > 10
    debug = {"CAAS_LOG_LEVEL": "debug", "CAAS_LOG_FORMAT": line_format}
    with running(tmp_path, debug) as up:
        access = ("--url", up.url, "--app-key", up.app[0], "--app-secret", up.app[1], "--json")
        play = Process("play", ("play", str(recording), *access), tmp_path / "play.log", None, debug).start()
        try:
            assert play.running is not None
            assert await asyncio.to_thread(play.running.wait, 280) == 0, play.tail()
        finally:
            play.stop()
        token = up.token("ann")
        async with opened(up.socket_url, token) as ann:
            await ann.done("conversation:list", {})
        secrets = json.loads((up.data / NAME).read_text()).values()
    lines = [line for path in (up.process.log, play.log) for line in path.read_text().splitlines()]
    log = "\n".join(line for line in lines if json_or_none(line) != up.ready)
    assert (" DEBUG caas." if line_format == "text" else '"level": "debug", "logger": "caas.') in log
    assert leaks(log, texts) == []
    assert [secret for secret in (*secrets, token) if secret in log] == []


def json_or_none(line: str) -> object:
    """Return what a line says if it is JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return None
