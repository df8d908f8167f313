"""`caas rollback` returns to the previous generation, whether the system runs or not; it reports if there is none."""

import asyncio
import json
from pathlib import Path

import pytest

from edge.composition import compose
from tests.e2e.line import opened
from tests.e2e.processes import run
from tests.e2e.up import running
from tests.edge.cli.conftest import Caas


@pytest.mark.parametrize("name", compose.PROCESSORS)
def test_read_models_are_equal_after_rebuild_and_rollback(caas: Caas, tmp_path: Path, name: str) -> None:
    data = ("--data", str(tmp_path / "data"))
    file = tmp_path / "two.jsonl"
    file.write_text("".join(f'{{"at":"{n}","kind":"send","channel":"c","user":"ann","text":"{n}"}}\n' for n in (1, 2)))
    assert caas("play", str(file), *data).status == 0
    early = caas("rollback", name, *data)
    assert (early.status, early.out, "nothing_before" in early.err) == (1, "", True)
    for verb, old, new in (("rebuild", 1, 2), ("rollback", 2, 1), ("rollback", 1, 2)):
        said = caas(verb, name, *data, "--json")
        report = json.loads(said.out)
        assert (said.status, report["outcome"], report["old"], report["new"]) == (0, "switched", old, new)
        assert caas("verify", name, *data).out == f"{name}: equal\n"


async def test_messages_sent_since_the_switch_are_in_the_transcript_after_a_rollback(
    tmp_path: Path,
) -> None:
    with running(tmp_path, {"CAAS_DRAIN_MS": "200"}) as up:
        data = ("--data", str(up.data))
        async with opened(up.socket_url, up.token("ann")) as ann:
            here = (await ann.done("conversation:create", {"external_id": "c"}))["conversation_id"]
            for verb in ("rebuild", "rollback"):
                await ann.done("message:send", {"conversation_id": here, "client_msg_id": verb, "text": verb})
                report = json.loads(await asyncio.to_thread(run, verb, "messages", "--json", *data))
                assert report["outcome"] == "switched"
            assert (report["old"], report["new"]) == (2, 1)
            await ann.done("message:send", {"conversation_id": here, "client_msg_id": "end", "text": "end"})
        lines = [json.loads(line) for line in (await asyncio.to_thread(run, "transcript", *data)).splitlines()]
        assert [(line["seq"], line["text"]) for line in lines] == [(1, "rebuild"), (2, "rollback"), (3, "end")]
