"""`caas play` reports errors of a file, and starts a system where none runs."""

import json
from pathlib import Path

import pytest

from edge.composition.compose import PROCESSORS
from edge.process.secrets_file import NAME
from tests.edge.cli.conftest import Caas

SEND = '{"at":"%s","kind":"send","channel":"c","user":"ann","text":"%s"}\n'


@pytest.mark.parametrize(
    "line", ["rubbish", '{"at":"2","kind":"wave","channel":"c","user":"ann"}', "[]", SEND % (1, "x")]
)
def test_malformed_file_is_reported_by_line_and_starts_nothing(caas: Caas, tmp_path: Path, line: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(SEND % (1, "one") + line)
    said = caas("play", str(file), "--data", str(tmp_path / "data"))
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("caas play: line 2: ")
    assert not (tmp_path / "data").exists()


def test_missing_file_is_reported(caas: Caas, tmp_path: Path) -> None:
    said = caas("play", str(tmp_path / "none"), "--data", str(tmp_path / "data"))
    assert (said.status, "No such file" in said.err, "Traceback" in said.err) == (1, True, False)


def test_unknown_application_is_reported(caas: Caas, tmp_path: Path, gateway: str) -> None:
    file = tmp_path / "good.jsonl"
    file.write_text(SEND % (1, "one"))
    said = caas("play", str(file), "--url", gateway, "--app-key", "no", "--app-secret", "no")
    assert (said.status, "unauthorized" in said.err, "Traceback" in said.err) == (1, True, False)


def test_play_without_a_running_system_starts_one_and_messages_persist(caas: Caas, tmp_path: Path) -> None:
    file, data = tmp_path / "good.jsonl", ("--data", str(tmp_path / "data"))
    file.write_text("".join(SEND % (n, f"text {n}") for n in range(1, 4)))
    said = caas("play", str(file), *data, "--json")
    assert said.status == 0, said.err
    summary = json.loads(said.out)
    assert (summary["acked"], summary["lost"], summary["duplicates"]) == (3, 0, 0)
    assert (tmp_path / "data" / NAME).exists()

    printed = [json.loads(line) for line in caas("transcript", *data).out.splitlines()]
    assert [(line["seq"], line["sender"], line["text"]) for line in printed] == [
        (n, "ann", f"text {n}") for n in range(1, 4)
    ]
    rebuilt = json.loads(caas("rebuild", "messages", *data, "--json").out)
    assert (rebuilt["outcome"], rebuilt["rows"]) == ("switched", 5)
    verified = caas("verify", *data)
    assert (verified.status, verified.out) == (
        0,
        "".join(f"{name}: equal\n" for name in PROCESSORS),
    )
    assert caas("verify", "nothing", *data).status == 1
