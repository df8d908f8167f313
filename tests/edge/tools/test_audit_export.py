"""An export is complete or not there, goes on where it was interrupted, and is verified by the auditor's program."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from edge.tools import audit_verifier
from edge.tools.audit_export import COLUMNS, write_export
from tests.audit_export import KEY
from tests.edge.tools.audit_source import Ended, Source, record

WHY = "a test"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


async def verified(source: Source, path: Path, *more: str) -> int:
    checkpoint = path.with_name(f"{path.name}.checkpoint")
    assert checkpoint.read_text() == (await source.tree({})).checkpoint
    return audit_verifier.main([str(path), "--checkpoint", str(checkpoint), "--key", str(KEY.verifier), *more])


@pytest.mark.parametrize("size", [0, 1, 3, 10])
@pytest.mark.parametrize("proofs", [False, True])
async def test_export_is_verified(path: Path, size: int, *, proofs: bool) -> None:
    source = Source(size)
    manifest = await write_export(source, path, WHY, {}, proofs=proofs)
    assert (manifest["records"], manifest["tree_size"], manifest["tenant"]) == (size, size, "acme")
    assert await verified(source, path, "--whole") == 0
    assert {one.name for one in path.parent.iterdir()} == {"audit.jsonl", "audit.jsonl.checkpoint"}


async def test_filtered_export_has_proofs(path: Path) -> None:
    source = Source(10)
    manifest = await write_export(source, path, WHY, {"actor": "u1"})
    assert (manifest["query"], manifest["records"], manifest["first_leaf"]) == ({"actor": "u1"}, 4, 0)
    assert await verified(source, path) == 0
    assert all("proof" in json.loads(line) for line in path.read_text().splitlines()[1:])


async def test_changed_record_is_found(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = Source(10)
    await write_export(source, path, WHY, {})
    path.write_text(path.read_text().replace('"a4"', '"a5"'))
    assert await verified(source, path) == 1
    assert "line 5: record 'a5' at leaf 3 was changed" in capsys.readouterr().out


@pytest.mark.parametrize("ends_after", range(4))
@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("query", [{}, {"actor": "u1"}])
async def test_interrupted_export_goes_on_where_it_was(
    path: Path, ends_after: int, form: Any, query: dict[str, str]
) -> None:
    source = Source(20, page=2)
    source.ends_after = ends_after
    with pytest.raises(Ended):
        await write_export(source, path, WHY, query, form=form)
    assert not path.exists()
    with path.with_name(f"{path.name}.part").open("ab") as part:
        part.write(b'{"leaf_in')  # half a line that was being written
    source.records += [record(n) for n in range(21, 30)]
    source.ends_after = None
    await write_export(source, path, WHY, query, form=form)
    again = path.with_name("again")
    await write_export(Source(20), again, WHY, query, form=form)
    if ends_after:
        assert again.read_bytes() == path.read_bytes()
        assert "after" in source.asked[-1]
    else:
        assert "after" not in source.asked[-1]


async def test_another_query_begins_anew(path: Path) -> None:
    source = Source(20, page=2)
    source.ends_after = 2
    with pytest.raises(Ended):
        await write_export(source, path, WHY, {})
    source.ends_after = None
    manifest = await write_export(source, path, WHY, {"actor": "u2"})
    assert manifest["records"] == 7
    assert await verified(source, path) == 0


async def test_same_query_of_the_same_tree_gives_the_same_bytes(path: Path) -> None:
    found = []
    for page in (1, 7, 100):
        await write_export(Source(20, page=page), path, WHY, {})
        found.append(path.read_bytes())
    assert found[0] == found[1] == found[2]


async def test_csv_has_a_column_for_each_field_and_no_formula(path: Path) -> None:
    source = Source(3)
    source.records[1] = record(2, reason="=HYPERLINK(1)", purpose='two\n"lines", and more')
    manifest = await write_export(source, path, WHY, {}, form="csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == ["a1", "a2", "a3"]
    assert (rows[1]["reason"], rows[1]["purpose"]) == ("'=HYPERLINK(1)", 'two\n"lines", and more')
    assert (rows[0]["actor_id"], rows[0]["entity_id"], rows[0]["reason"], rows[0]["count"]) == ("u1", "m1", "", "1")
    assert manifest == json.loads(path.with_name(f"{path.name}.manifest.json").read_bytes())
    assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_progress_has_the_last_number_and_all(path: Path) -> None:
    seen: list[tuple[int, int]] = []
    await write_export(Source(7, page=3), path, WHY, {}, progress=lambda *at: seen.append(at))
    assert seen == [(3, 7), (6, 7), (7, 7)]
