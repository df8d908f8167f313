"""`caas audit query` prints what was done, starts a system where none runs, and is recorded itself."""

import json
from pathlib import Path

import pytest

from tests.edge.cli.conftest import Caas

SEND = '{"at":"%s","kind":"send","channel":"c","user":"ann","text":"%s"}\n'
WHY = ("--purpose", "case 4711")


@pytest.fixture
def data(caas: Caas, tmp_path: Path) -> tuple[str, str]:
    file, data = tmp_path / "good.jsonl", ("--data", str(tmp_path / "data"))
    file.write_text("".join(SEND % (n, f"text {n}") for n in range(1, 4)))
    assert caas("play", str(file), *data).status == 0
    return data


def test_query_prints_records_and_is_recorded(caas: Caas, data: tuple[str, str]) -> None:
    asked = ("audit", "query", *WHY, *data, "--as", "olga")
    said = caas(*asked, "--action", "message:send", "--json", "--oldest-first")
    assert said.status == 0, said.err
    found = [json.loads(line) for line in said.out.splitlines()]
    assert [one["record"]["actor"]["id"] for one in found] == ["ann"] * 3
    assert {one["record"]["outcome"] for one in found} == {"success"}
    assert all(one["record"]["actor"]["session"] and one["record"]["actor"]["address"] == "127.0.0.1" for one in found)
    assert [one["n"] for one in found] == sorted(one["n"] for one in found)
    assert "text 1" not in said.out

    looked = caas(*asked, "--action", "audit:query")
    lines = looked.out.splitlines()
    assert len(lines) >= 2  # the one before, and this one, which may have had to ask again
    assert all(line.split()[1:3] == ["olga", "audit:query"] and line.endswith("success") for line in lines)
    assert len(caas(*asked, "--limit", "2").out.splitlines()) == 2
    verified = caas("verify", "audit", *data)
    assert (verified.status, verified.out) == (0, "audit: equal\n")


def test_wrong_filter_is_reported(caas: Caas, data: tuple[str, str]) -> None:
    said = caas("audit", "query", *WHY, *data, "--from", "yesterday")
    assert (said.status, said.out) == (1, "")
    last = said.err.splitlines()[-1]
    assert (last.startswith("caas audit: A field is missing"), last.endswith("(from)")) == (True, True)
    for wrong in (("--limit", "x"), ("--limit", "-1")):
        assert caas("audit", "query", *WHY, *data, *wrong).status == 2
    assert caas("audit", "query", *data).status == 2


def test_directory_without_a_system_is_refused(caas: Caas, tmp_path: Path) -> None:
    said = caas("audit", "query", *WHY, "--data", str(tmp_path / "none"))
    assert (said.status, "there is no system" in said.err) == (1, True)


def test_service_that_does_not_answer_is_named(caas: Caas, data: tuple[str, str]) -> None:
    said = caas("audit", "query", *WHY, *data, "--url", "http://127.0.0.1:1")
    assert said.status == 1
    assert "http://127.0.0.1:1/api/v1/audit does not answer" in said.err
