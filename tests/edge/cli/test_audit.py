"""`caas audit query` prints what was done, starts a system where none runs, and is recorded itself."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.audit.canonical import canonical
from core.audit.merkle import Frontier, leaf_hash
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


def test_subject_has_what_a_user_did_and_what_was_done_to_them(caas: Caas, data: tuple[str, str]) -> None:
    said = caas("audit", "subject", "ann", *WHY, *data, "--json")
    assert said.status == 0, said.err
    found = [json.loads(line)["record"] for line in said.out.splitlines()]
    assert [one["action"] for one in found].count("message:send") == 3
    assert all("ann" in {one["actor"]["id"], *one["subjects"]} for one in found)
    assert any("ann" in one["subjects"] for one in found)
    assert [one["occurred_at"] for one in found] == sorted(one["occurred_at"] for one in found)


def test_counts_are_printed_as_a_table_and_as_json(caas: Caas, data: tuple[str, str]) -> None:
    asked = ("audit", "counts", *WHY, *data, "--by", "actor,action", "--action", "message:send")
    said = caas(*asked)
    assert said.status == 0, said.err
    names, counted = (line.split() for line in said.out.splitlines())
    assert (names, counted) == (["actor", "action", "count", "records"], ["ann", "message:send", "3", "3"])
    found = json.loads(caas(*asked, "--json").out)
    assert found["counts"] == [{"actor": "ann", "action": "message:send", "count": 3, "records": 3}]
    looked = caas("audit", "counts", *WHY, *data, "--by", "action", "--action", "audit:counts", "--json")
    assert json.loads(looked.out)["counts"][0]["records"] >= 3
    wrong = caas("audit", "counts", *WHY, *data, "--by", "weather")
    assert (wrong.status, wrong.err.splitlines()[-1].endswith("(by)")) == (1, True)


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


def test_export_is_verified_and_a_change_is_found(caas: Caas, data: tuple[str, str], tmp_path: Path) -> None:
    export, checkpoint, key = (tmp_path / name for name in ("audit.jsonl", "checkpoint", "key"))
    key.write_text(caas("audit", "key", *data).out)
    said = caas("audit", "export", str(export), *WHY, *data)
    assert said.status == 0, said.err
    said = caas("audit", "verify", str(export), "--checkpoint", f"{export}.checkpoint", "--key", str(key), "--whole")
    assert (said.status, said.out.startswith("verified: ")) == (0, True), said.out
    printed = caas("audit", "checkpoint", *WHY, *data)
    checkpoint.write_text(printed.out)
    size = json.loads(export.read_text().splitlines()[0])["tree_size"]
    assert size > 3
    verify = ("audit", "verify", str(export), "--checkpoint", str(checkpoint), "--key", str(key))
    said = caas(*verify)
    assert said.status == 1  # the checkpoint is of one record more: that of its own query, and of the export's
    assert "truncated" in said.out

    again = caas("audit", "export", str(export), *WHY, *data)
    assert again.status == 0, again.err
    said = caas(*verify)
    assert (said.status, said.out.startswith("verified: ")) == (0, True), said.out

    first = next(line for line in export.read_text().splitlines() if "message:send" in line)
    export.write_text(export.read_text().replace(first, first.replace("message:send", "message:sand")))
    said = caas(*verify)
    assert (said.status, "was changed" in said.out) == (1, True)


def test_csv_export_has_the_filtered_records(caas: Caas, data: tuple[str, str], tmp_path: Path) -> None:
    export = tmp_path / "audit.csv"
    said = caas("audit", "export", str(export), "--format", "csv", "--action", "message:send", *WHY, *data)
    assert (said.status, said.out) == (0, f"3 records in {export}\n"), said.err
    assert len(export.read_text().splitlines()) == 4


def test_proofs_of_a_record_and_of_an_older_log(caas: Caas, data: tuple[str, str], tmp_path: Path) -> None:
    found = json.loads(caas("audit", "query", *WHY, *data, "--limit", "1", "--json").out)
    proved = caas("audit", "proof", found["record"]["id"], *WHY, *data)
    assert (proved.status, proved.out.startswith(f"record {found['record']['id']} is leaf {found['n'] - 1} of ")) == (
        0,
        True,
    ), proved.err
    none = caas("audit", "proof", "none", *WHY, *data)
    assert (none.status, none.err.splitlines()[-1]) == (1, "caas audit: there is no record none")

    kept = tmp_path / "kept"
    kept.write_text(caas("audit", "checkpoint", *WHY, *data).out)
    said = caas("audit", "consistency", str(kept), *WHY, *data)
    assert (said.status, "begins with that of" in said.out) == (0, True), said.err
    lines = kept.read_text().split("\n")
    kept.write_text("\n".join([*lines[:2], "A" * 43 + "=", *lines[3:]]))
    said = caas("audit", "consistency", str(kept), *WHY, *data)
    assert (said.status, "are not those of the checkpoint that was kept" in said.err) == (3, True)
    said = caas("audit", "consistency", "1000000", *WHY, *data)
    assert (said.status, "the tree has" in said.err) == (1, True)


def rewrite(data: Path, change: Callable[[dict[str, Any]], None], table: str = "records") -> None:
    """Change every row of a table of the audit log in the store."""
    name = f'"audit/{table}/1"'
    with closing(sqlite3.connect(data / "documents.sqlite")) as store, store:
        rows = store.execute(f"SELECT id, doc FROM {name} WHERE json_extract(doc, '$.log') IS NOT NULL").fetchall()
        for key, text in rows:
            row = json.loads(text)
            change(row["log"])
            store.execute(f"UPDATE {name} SET doc = ? WHERE id = ?", (json.dumps(row), key))


def send_to_delete(facet: dict[str, Any]) -> None:
    """Let the first message have been deleted, not sent."""
    if facet["n"] == 1:
        facet["record"]["action"] = "message:delete"


def and_its_leaf(facet: dict[str, Any]) -> None:
    send_to_delete(facet)
    facet["leaf"] = leaf_hash(canonical(facet["record"])).hex()


@pytest.mark.parametrize("change", [send_to_delete, and_its_leaf])
def test_change_in_the_store_is_found(
    caas: Caas, data: tuple[str, str], tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    export, kept, key = (tmp_path / name for name in ("audit.jsonl", "kept", "key"))
    kept.write_text(caas("audit", "checkpoint", *WHY, *data).out)
    key.write_text(caas("audit", "key", *data).out)
    record = json.loads(caas("audit", "query", *WHY, *data, "--json", "--limit", "0").out.splitlines()[-1])["record"]
    rewrite(Path(data[1]), change)
    assert caas("audit", "export", str(export), *WHY, *data).status == 0
    said = caas("audit", "verify", str(export), "--checkpoint", str(kept), "--key", str(key))
    assert said.status == 1
    assert ("was changed" if change is send_to_delete else "are not those of the checkpoint") in said.out
    proved = caas("audit", "proof", record["id"], *WHY, *data)
    assert (proved.status, record["id"] in proved.err) == (3, True)
    assert caas("verify", "audit", *data).status == 3


def test_tree_that_was_signed_anew_is_found_by_an_older_checkpoint(
    caas: Caas, data: tuple[str, str], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(caas("audit", "checkpoint", *WHY, *data).out)
    rewrite(Path(data[1]), and_its_leaf)
    leaves: list[tuple[int, bytes]] = []
    rewrite(Path(data[1]), lambda facet: leaves.append((facet["n"], bytes.fromhex(facet["leaf"]))))
    tree = Frontier().extend(leaf for _, leaf in sorted(leaves))
    rewrite(Path(data[1]), lambda facet: facet.update(peaks=tree.to_json()["peaks"]), "heads")
    said = caas("audit", "consistency", str(kept), *WHY, *data)
    assert (said.status, "are not those of the checkpoint that was kept" in said.err) == (3, True)
