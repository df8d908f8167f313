"""The files that docs/audit-verification.md shows are real ones, and verifying them prints what it says."""

import re
from pathlib import Path

import pytest

from edge.tools import audit_verifier
from tests.audit_export import KEY, checkpoint_of, lines_of, write_export
from tests.docs.pages import examples, page, rows

PAGE = "audit-verification.md"
SIZE = 3


def shown(mark: str) -> str:
    """The one block with this mark."""
    (example,) = examples(PAGE, mark)
    return example.text


def test_shown_files_are_those_of_a_log(tmp_path: Path) -> None:
    assert shown("json export") == write_export(tmp_path / "export", lines_of(SIZE)).read_text(encoding="utf-8")
    assert shown("text checkpoint") == checkpoint_of(SIZE)
    assert shown("text key") == f"{KEY.verifier}\n"


@pytest.mark.parametrize(("mark", "old", "status"), [("verified", "", 0), ("changed", "message:send", 1)])
def test_verifying_the_shown_files_prints_what_is_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mark: str,
    old: str,
    status: int,
) -> None:
    manifest, first, second, *rest = shown("json export").splitlines(keepends=True)
    changed = second.replace(old, "message:delete") if old else second
    (tmp_path / "export.jsonl").write_text("".join([manifest, first, changed, *rest]), encoding="utf-8")
    for name in ("checkpoint", "key"):
        (tmp_path / name).write_text(shown(f"text {name}"), encoding="utf-8")
    _, script, *arguments = shown("sh verified").split()
    assert script == Path(str(audit_verifier.__file__)).name
    monkeypatch.chdir(tmp_path)
    assert audit_verifier.main(arguments) == status
    assert capsys.readouterr().out == shown(f"text {mark}")


def test_every_kind_of_finding_is_in_the_table() -> None:
    source = Path(str(audit_verifier.__file__)).read_text(encoding="utf-8")
    kinds = set(re.findall(r'found\("(\w+)"', source)) | set(
        re.findall(r'kind = "(\w+)" if .+ else "(\w+)"', source)[0]
    )
    assert kinds == rows(PAGE).keys() & kinds
    assert len(kinds) == 9


def test_every_option_is_named() -> None:
    source = Path(str(audit_verifier.__file__)).read_text(encoding="utf-8")
    assert [
        option for option in re.findall(r'add_argument\("(--\w+)"', source) if f"`{option}`" not in page(PAGE)
    ] == []
