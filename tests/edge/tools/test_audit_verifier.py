"""Whatever is done to an export is found and named, from files alone; and nothing is found where nothing was done."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.audit import canonical as core_canonical
from core.audit import merkle
from core.audit.checkpoint import origin_of
from core.audit.note import SigningKey
from core.audit.tiles import grow, hashes_in
from edge.tools import audit_verifier
from edge.tools.audit_verifier import main
from tests.audit_export import KEY, TENANT, checkpoint_of, hash_of, lines_of, record, restated, write_export
from tests.core.audit.test_canonical import JSON, WEIRD

SIZE = 13
OTHER = SigningKey(KEY.name, b"o" * 32)


class Auditor:
    """Somebody with files in a directory, who runs the verifier on them."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.export = directory / "export.jsonl"
        self._directory = directory
        self._capsys = capsys

    def file(self, name: str, text: str) -> str:
        path = self._directory / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def run(
        self, *checkpoints: str, options: tuple[str, ...] = (), keys: tuple[str, ...] = (str(KEY.verifier),)
    ) -> int:
        files = [self.file(f"{n}.checkpoint", text) for n, text in enumerate(checkpoints)]
        given = [word for file in files for word in ("--checkpoint", file)]
        return main([str(self.export), *given, *(word for key in keys for word in ("--key", key)), *options])

    def lines(self) -> list[str]:
        return self._capsys.readouterr().out.splitlines()

    def findings(self, *checkpoints: str, **kwargs: Any) -> list[tuple[str, int | None, str | None]]:
        """Kind, leaf index and id of everything found, but for what the manifest says of other lines."""
        status = self.run(*checkpoints, options=("--json",), **kwargs)
        report = json.loads(self._capsys.readouterr().out)
        assert status == bool(report["findings"])
        found = [(one["kind"], one.get("leaf_index"), one.get("id")) for one in report["findings"]]
        return [one for one in found if one[0] != "manifest"]


@pytest.fixture
def auditor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Auditor:
    return Auditor(tmp_path, capsys)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 13])
@pytest.mark.parametrize("proofs", [False, True])
def test_whole_export_is_verified(auditor: Auditor, size: int, proofs: bool) -> None:
    write_export(auditor.export, lines_of(size, proofs=proofs))
    assert auditor.run(checkpoint_of(size), options=("--whole",)) == 0
    signer = f"{KEY.name}+{KEY.verifier.key_id.hex()}"
    assert auditor.lines() == [f"verified: {size} of {size} records of 'acme', signed by {signer}"]


def test_older_checkpoints_prove_the_beginning(auditor: Auditor) -> None:
    write_export(auditor.export, lines_of(SIZE))
    assert auditor.run(checkpoint_of(5), checkpoint_of(9)) == 0
    (line,) = auditor.lines()
    assert line.startswith("verified: 9 of 13 records of 'acme', signed by ")
    assert line.endswith("; later ones are in no given checkpoint")


def test_filtered_export_is_verified_and_says_what_that_leaves_open(auditor: Auditor) -> None:
    write_export(auditor.export, lines_of(SIZE, only=[2, 5, 12]), query={"actor": "u2"}, tree_size=SIZE)
    assert auditor.run(checkpoint_of(SIZE)) == 0
    (line,) = auditor.lines()
    assert line.startswith("verified: 3 of 3 records of 'acme', signed by ")
    assert line.endswith("; filtered: that no other record belongs here is not proved")
    assert auditor.run(checkpoint_of(SIZE), options=("--whole",)) == 1
    assert auditor.lines()[0] == "the export is filtered"


def changed(lines: list[dict[str, Any]], at: int) -> list[dict[str, Any]]:
    return [*lines[:at], lines[at] | {"record": lines[at]["record"] | {"action": "message:delete"}}, *lines[at + 1 :]]


def inserted(lines: list[dict[str, Any]], at: int) -> list[dict[str, Any]]:
    fresh = record(0) | {"id": "forged"}
    return [*lines[:at], lines[at] | {"record": fresh, "leaf_hash": hash_of(fresh).hex()}, *lines[at:]]


def swapped(lines: list[dict[str, Any]], at: int) -> list[dict[str, Any]]:
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


def removed(lines: list[dict[str, Any]], at: int) -> list[dict[str, Any]]:
    return lines[:at] + lines[at + 1 :]


class TestTamperings:
    """Each in two ways: as somebody does who edits the file, and as somebody who knows how it is verified."""

    def test_changed_record_is_named(self, auditor: Auditor) -> None:
        write_export(auditor.export, changed(lines_of(SIZE), 6))
        assert auditor.findings(checkpoint_of(SIZE)) == [("changed", 6, "a6")]

    def test_changed_record_with_its_hash_is_named_by_its_proof(self, auditor: Auditor) -> None:
        write_export(auditor.export, restated(changed(lines_of(SIZE, proofs=True), 6)))
        assert auditor.findings(checkpoint_of(SIZE)) == [("proof", 6, "a6"), ("root", None, None)]

    def test_changed_record_with_its_hash_is_between_two_checkpoints(self, auditor: Auditor) -> None:
        write_export(auditor.export, restated(changed(lines_of(SIZE), 6)))
        assert auditor.run(checkpoint_of(3), checkpoint_of(6), checkpoint_of(9), checkpoint_of(SIZE)) == 1
        assert auditor.lines() == [
            "the records are not those of the checkpoint of 9, but those of the checkpoint of 6",
            "FAILED: 1 findings in 13 records of 'acme'",
        ]

    @pytest.mark.parametrize("at", [0, 6])
    def test_removed_record_is_named(self, auditor: Auditor, at: int) -> None:
        write_export(auditor.export, removed(lines_of(SIZE), at), tree_size=SIZE)
        assert auditor.run(checkpoint_of(SIZE)) == 1
        assert f"removed: of leaves {at} to {at} there is no record" in auditor.lines()

    def test_removed_record_behind_which_all_moved_up_is_named_by_the_first_proof(self, auditor: Auditor) -> None:
        write_export(auditor.export, restated(removed(lines_of(SIZE, proofs=True), 6)), tree_size=SIZE)
        found = auditor.findings(checkpoint_of(6), checkpoint_of(SIZE))
        assert found == [*(("proof", n, f"a{n + 1}") for n in range(6, 12)), ("truncated", None, None)]

    @pytest.mark.parametrize("at", [0, 6])
    def test_inserted_record_is_named(self, auditor: Auditor, at: int) -> None:
        write_export(auditor.export, inserted(lines_of(SIZE, proofs=True), at), tree_size=SIZE)
        found = auditor.findings(checkpoint_of(SIZE))
        assert found == [("proof", at, "forged"), ("inserted", at, f"a{at}"), ("root", None, None)]

    def test_inserted_record_behind_which_all_moved_down_is_named_by_the_first_proof(self, auditor: Auditor) -> None:
        write_export(auditor.export, restated(inserted(lines_of(SIZE, proofs=True), 11)), tree_size=SIZE)
        found = auditor.findings(checkpoint_of(SIZE))
        assert found[0] == ("proof", 11, "forged")
        assert ("inserted", 13, "a12") in found

    def test_record_doubled_at_the_end_is_named(self, auditor: Auditor) -> None:
        lines = lines_of(SIZE)
        write_export(auditor.export, [*lines, lines[-1] | {"leaf_index": SIZE}], tree_size=SIZE)
        assert auditor.findings(checkpoint_of(SIZE)) == [("inserted", 13, "a12")]

    def test_moved_record_is_named(self, auditor: Auditor) -> None:
        write_export(auditor.export, swapped(lines_of(SIZE), 6))
        assert auditor.run(checkpoint_of(SIZE)) == 1
        assert auditor.lines()[0] == "line 9: record 'a6' at leaf 6 was moved: it stands behind leaf 7"

    def test_moved_records_with_new_indexes_are_named_by_their_proofs(self, auditor: Auditor) -> None:
        write_export(auditor.export, restated(swapped(lines_of(SIZE, proofs=True), 6)))
        found = auditor.findings(checkpoint_of(SIZE))
        assert found == [("proof", 6, "a7"), ("proof", 7, "a6"), ("root", None, None)]

    def test_missing_end_is_found_by_the_manifest_or_by_the_checkpoint(self, auditor: Auditor) -> None:
        write_export(auditor.export, lines_of(SIZE)[:10], tree_size=SIZE)
        assert auditor.findings(checkpoint_of(8)) == [("truncated", None, None)]
        write_export(auditor.export, lines_of(SIZE)[:10])
        assert auditor.run(checkpoint_of(12)) == 1
        assert auditor.lines()[0] == "truncated: of leaves 10 to 11 there is no record"

    def test_shorter_log_that_was_signed_again_is_found_by_an_older_checkpoint(self, auditor: Auditor) -> None:
        write_export(auditor.export, lines_of(10))
        assert auditor.findings(checkpoint_of(10)) == []
        assert auditor.findings(checkpoint_of(10), checkpoint_of(12)) == [("truncated", None, None)]

    def test_rewritten_log_that_was_signed_again_is_found_by_an_older_checkpoint(self, auditor: Auditor) -> None:
        lines = restated(changed(lines_of(SIZE), 2))
        root = merkle.root_of([bytes.fromhex(line["leaf_hash"]) for line in lines])
        write_export(auditor.export, lines)
        forged = checkpoint_of(SIZE, root=root)
        assert auditor.findings(forged) == []
        assert auditor.findings(forged, checkpoint_of(5)) == [("root", None, None)]
        assert ("checkpoint", None, None) in auditor.findings(forged, checkpoint_of(SIZE))

    def test_filter_does_not_hide_a_missing_proof(self, auditor: Auditor) -> None:
        lines = removed(lines_of(SIZE), 6)
        write_export(auditor.export, lines, query={"actor": "u1"}, tree_size=SIZE)
        assert len(auditor.findings(checkpoint_of(SIZE))) == SIZE - 1

    def test_forged_record_of_a_filtered_export_is_named(self, auditor: Auditor) -> None:
        lines = changed(lines_of(SIZE, only=[2, 5, 12]), 1)
        lines[1]["leaf_hash"] = hash_of(lines[1]["record"]).hex()
        write_export(auditor.export, lines, query={"actor": "u2"}, tree_size=SIZE)
        assert auditor.findings(checkpoint_of(SIZE)) == [("proof", 5, "a5")]

    def test_filtered_export_needs_the_checkpoint_of_its_size(self, auditor: Auditor) -> None:
        write_export(auditor.export, lines_of(SIZE, only=[2]), query={"actor": "u2"}, tree_size=SIZE)
        assert auditor.findings(checkpoint_of(12)) == [("checkpoint", None, None)]

    @pytest.mark.parametrize(
        "wrong", [{"records": 12}, {"root": "00" * 32}, {"sha256": "00" * 32}], ids=lambda one: next(iter(one))
    )
    def test_manifest_that_fits_other_lines_is_found(self, auditor: Auditor, wrong: dict[str, Any]) -> None:
        write_export(auditor.export, lines_of(SIZE), **wrong)
        assert auditor.run(checkpoint_of(SIZE)) == 1
        assert len(auditor.lines()) == 2

    @pytest.mark.parametrize("value", [1.5, 2**53, "\ud800"])
    def test_record_that_cannot_be_hashed_is_named(self, auditor: Auditor, value: object) -> None:
        lines = lines_of(SIZE)
        lines[6]["record"]["action"] = value
        write_export(auditor.export, lines)
        assert auditor.findings(checkpoint_of(SIZE)) == [("changed", 6, "a6")]

    def test_what_an_export_says_forges_no_line_of_the_output(self, auditor: Auditor) -> None:
        lines = lines_of(SIZE)
        lines[6]["record"]["id"] = "a6\nverified: 13 of 13 records\x1b[2J\u202e\ud800"
        write_export(auditor.export, lines)
        assert auditor.run(checkpoint_of(SIZE)) == 1
        found = auditor.lines()
        assert len(found) == 2
        assert all(line.isascii() and line.isprintable() for line in found)


class TestCheckpoints:
    def test_keys_come_from_a_file_and_old_ones_count(self, auditor: Auditor) -> None:
        write_export(auditor.export, lines_of(SIZE))
        both = auditor.file("keys", f"# until May\n{OTHER.verifier}\n\n{KEY.verifier}\n")
        old, new = checkpoint_of(5, OTHER), checkpoint_of(SIZE, KEY)
        assert auditor.run(old, new, keys=(both,)) == 0
        names = [f"{KEY.name}+{key.verifier.key_id.hex()}" for key in (OTHER, KEY)]
        assert auditor.lines() == [f"verified: 13 of 13 records of 'acme', signed by {', '.join(names)}"]
        assert auditor.findings(old, new) == [("checkpoint", None, None)]

    def test_checkpoint_that_both_keys_signed_needs_one_of_them(self, auditor: Auditor) -> None:
        write_export(auditor.export, lines_of(SIZE))
        note = checkpoint_of(SIZE, OTHER, KEY)
        assert auditor.run(note, keys=(str(OTHER.verifier),)) == auditor.run(note) == 0

    @pytest.mark.parametrize(
        "note",
        [
            checkpoint_of(SIZE, OTHER),
            checkpoint_of(SIZE).replace("\n13\n", "\n14\n"),
            checkpoint_of(SIZE, SigningKey(origin_of("other"), b"k" * 32), origin=origin_of("other")),
            checkpoint_of(SIZE, KEY, origin=origin_of("other")),
        ],
        ids=["another key", "a changed size", "another tenant and key", "another tenant"],
    )
    def test_checkpoint_that_is_not_signed_for_this_log_proves_nothing(self, auditor: Auditor, note: str) -> None:
        write_export(auditor.export, lines_of(SIZE))
        assert auditor.findings(note) == [("checkpoint", None, None)]


class TestUnreadable:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "no JSON\n",
            "[" * 100_000 + "\n",
            "[]\n",
            '{"kind":"manifest"}\n',
        ],
    )
    def test_file_without_a_manifest_has_status_2(self, auditor: Auditor, text: str) -> None:
        auditor.export.write_text(text, encoding="utf-8")
        assert auditor.run(checkpoint_of(SIZE)) == 2

    @pytest.mark.parametrize(
        "line",
        [
            "\n",
            "[]\n",
            '{"leaf_index":1}\n',
            '{"leaf_index":true,"leaf_hash":"","record":{}}\n',
            '{"leaf_index":1,"leaf_hash":"","record":[]}\n',
            '{"leaf_index":1,"leaf_hash":"zz","record":{}}\n',
            '{"leaf_index":1,"leaf_hash":"","record":{},"note":"approved"}\n',
            '{"leaf_index":1,"leaf_hash":"","record":{"id":"a","id":"b"}}\n',
            '{"leaf_index":1,"leaf_hash":"","record":{},"proof":7}\n',
            '{"leaf_index":1,"leaf_hash":"","record":{},"proof":[7]}\n',
            '{"leaf_index":1,"leaf_hash":"","record":{"a":' + "[" * 100_000 + "]" * 100_000 + "}}\n",
        ],
        ids=range(11),
    )
    def test_line_that_is_no_record_has_status_2(
        self, auditor: Auditor, line: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_export(auditor.export, lines_of(1))
        with auditor.export.open("a", encoding="utf-8") as file:
            file.write(line)
        assert auditor.run(checkpoint_of(1)) == 2
        assert capsys.readouterr().err.startswith("unreadable: line 3 is not the line of a record")

    @pytest.mark.parametrize(
        "note", ["", "caas/acme\n13\nxx\n\n", checkpoint_of(SIZE).replace("13", "many"), "a\n\nb\n"]
    )
    def test_file_that_is_no_checkpoint_has_status_2(self, auditor: Auditor, note: str) -> None:
        write_export(auditor.export, lines_of(SIZE))
        assert auditor.run(note) == 2

    @pytest.mark.parametrize(
        "key", ["", "no key", str(KEY.verifier)[:-1], str(KEY.verifier).replace("+12", "+13"), KEY.secret_text()]
    )
    def test_text_that_is_no_key_has_status_2_and_is_not_shown(
        self, auditor: Auditor, key: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_export(auditor.export, lines_of(SIZE))
        if not key:
            assert auditor.run(checkpoint_of(SIZE), keys=(key,)) == 1
            return
        assert auditor.run(checkpoint_of(SIZE), keys=(key,)) == 2
        assert key[-8:] not in capsys.readouterr().err

    def test_missing_files_have_status_2(self, auditor: Auditor) -> None:
        assert auditor.run(checkpoint_of(SIZE)) == 2
        write_export(auditor.export, lines_of(SIZE))
        assert main([str(auditor.export), "--checkpoint", "/nowhere", "--key", str(KEY.verifier)]) == 2


@given(JSON)
@example(WEIRD)
@example({"\U0001f600": 1, "\ufb33": 2})
def test_records_are_hashed_as_the_system_does(value: Any) -> None:
    data = core_canonical.canonical(value)
    assert (audit_verifier.canonical(value), audit_verifier.leaf_hash(data)) == (data, merkle.leaf_hash(data))


@pytest.mark.parametrize("value", [2**53, -(2**53), 0.0, "\ud800", float("inf")])
def test_what_the_system_does_not_hash_is_not_hashed(value: object) -> None:
    for hashed in (core_canonical.canonical, audit_verifier.canonical):
        with pytest.raises(ValueError):
            hashed([value])


@given(st.integers(1, 70), st.data())
def test_trees_are_hashed_as_the_system_does(size: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(size)]
    index, at = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size + 70))
    sizes = {at, size}
    expected = {n: merkle.root_of(leaves[:n]) for n in sizes if n <= size}
    assert {n: root for n, root in audit_verifier.roots(leaves, sizes).items() if n in sizes} == expected
    proof = merkle.inclusion_proof(index, size, hashes_in(grow(0, leaves, {})))
    for wrong in (proof, proof[1:], [*proof, leaves[0]], proof[::-1]):
        for place, below in ((index, size), (index, at), (at, size), (at, at)):
            if place < below:
                given = (leaves[index], place, below, wrong, expected[size])
                assert audit_verifier.includes(*given) == merkle.verify_inclusion(*given)


def test_one_file_is_enough(auditor: Auditor, tmp_path: Path) -> None:
    source = Path(str(audit_verifier.__file__)).read_text(encoding="utf-8")
    imported = {name for node in ast.walk(ast.parse(source)) for name in _imported(node)}
    assert {name for name in imported if name not in sys.stdlib_module_names} == {"cryptography"}
    write_export(auditor.export, lines_of(SIZE))
    alone, note = auditor.file("audit_verifier.py", source), auditor.file("checkpoint", checkpoint_of(SIZE))
    ended = subprocess.run(
        [sys.executable, "-I", alone, str(auditor.export), "--checkpoint", note, "--key", str(KEY.verifier)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"verified: 13 of 13 records of {TENANT!r}")


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name.partition(".")[0] for name in node.names]
    return [str(node.module).partition(".")[0]] if isinstance(node, ast.ImportFrom) else []
