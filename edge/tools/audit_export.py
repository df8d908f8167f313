"""Write an export of the audit log, in the order of the log: as JSON Lines that can be verified, or as CSV.

An export that was interrupted goes on where it was: beside its file are `NAME.part`, the lines so far, and
`NAME.state`, what they are of.
"""

import csv
import hashlib
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol
from urllib.parse import unquote

import msgspec

from schemas.wire.audit import AuditEntry, AuditPage, AuditTree

Format = Literal["jsonl", "csv"]
COLUMNS: Final = (
    "n", "id", "occurred_at", "recorded_at", "actor_type", "actor_id", "session", "device", "address", "agent",
    "action", "entity_type", "entity_id", "conversation_id", "tenant", "outcome", "reason", "purpose", "subjects",
    "count", "correlation_id", "causation_id", "leaf_hash", "classification", "before", "after", "reported_by",
)  # fmt: skip
FORMER_COLUMNS: Final = 23
"""The columns that every export has had; the others are of newer fields, which older records do not have."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""With these a cell begins that a spreadsheet runs as a formula; a cell that does gets a `'` before it."""
BUFFER_BYTES: Final = 1 << 20


class Records(Protocol):
    """Where records come from."""

    def pages(self, asked: Mapping[str, str]) -> AsyncIterator[AuditPage]:
        """Yield the pages of a query, from its cursor `after` on."""
        ...

    async def tree(self, asked: Mapping[str, str]) -> AuditTree:
        """Return the tree that is asked for."""
        ...


class State(msgspec.Struct, kw_only=True):
    """How far an export has come: the tree and the query that it is of, and by pages the bytes, records and cursor."""

    query: dict[str, str]
    format: Format
    proofs: bool
    size: int
    root: str
    checkpoint: str
    columns: int = FORMER_COLUMNS
    bytes: int = 0
    records: int = 0
    first_leaf: int = 0
    after: str | None = None
    done: bool = False


async def write_export(
    source: Records,
    path: Path,
    purpose: str,
    query: Mapping[str, str],
    *,
    form: Format = "jsonl",
    proofs: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Write an export of everything that happened before, or the rest of the one that was interrupted, and return its
    manifest: the first line of JSON Lines, the file `NAME.manifest.json` beside CSV. The signed checkpoint of its tree
    is in `NAME.checkpoint`. `progress` gets the number of the last record and of all. The same query of a tree of the
    same size gives the same bytes. The file is complete or not there. Raises `OSError`, and as `source` does.
    """
    part, kept = _beside(path)
    proofs = form == "jsonl" and (proofs or bool(query))
    state = _interrupted(kept, part, query, form, proofs=proofs)
    if state is None:
        tree = await source.tree({"purpose": purpose, "wait": "true"})
        state = State(
            query=dict(query),
            format=form,
            proofs=proofs,
            size=tree.size,
            root=tree.root,
            checkpoint=tree.checkpoint,
            columns=len(COLUMNS),
        )
    await _write_rest(source, path, purpose, state, progress)
    with part.open("rb") as body:
        manifest = _manifest(state, hashlib.file_digest(body, "sha256").hexdigest())
    path.with_name(f"{path.name}.checkpoint").write_text(state.checkpoint, encoding="utf-8")
    _complete(path, part, manifest, form)
    kept.unlink(missing_ok=True)
    part.unlink(missing_ok=True)
    return manifest


def _beside(path: Path) -> tuple[Path, Path]:
    """Return the files of the lines so far and of their state."""
    return path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.state")


def _interrupted(kept: Path, part: Path, query: Mapping[str, str], form: Format, *, proofs: bool) -> State | None:
    """Return the state of the same export that was interrupted, None where there is none."""
    try:
        state = msgspec.json.decode(kept.read_bytes(), type=State)
        asked = (dict(query), form, proofs, len(COLUMNS))
        same = (state.query, state.format, state.proofs, state.columns) == asked
        return state if same and part.stat().st_size >= state.bytes else None
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


async def _write_rest(
    source: Records, path: Path, purpose: str, state: State, progress: Callable[[int, int], None]
) -> None:
    """Write the pages that are left; the state is saved after each, so that it never says more than the file has."""
    if state.done:
        return
    part, kept = _beside(path)
    asked = {**state.query, "purpose": purpose, "order": "number", "up_to": str(state.size)}
    asked |= {"proofs": "true"} if state.proofs else {}
    asked |= {} if state.after is None else {"after": state.after}
    with part.open("ab") as file:
        file.truncate(state.bytes)
        if state.format == "csv" and not state.bytes:
            file.write(_csv_line(COLUMNS))
        async for page in source.pages(asked):
            file.write(b"".join(_line(entry, state.format) for entry in page.records))
            file.flush()
            if page.records and not state.records:
                state.first_leaf = page.records[0].n - 1
            state.bytes, state.records = file.tell(), state.records + len(page.records)
            state.after, state.done = page.after, page.after is None
            fresh = kept.with_name(f"{kept.name}.new")
            fresh.write_bytes(msgspec.json.encode(state))
            fresh.replace(kept)
            if page.records:
                progress(page.records[-1].n, state.size)


def _manifest(state: State, digest: str) -> dict[str, Any]:
    return {
        "kind": "manifest",
        "tenant": tenant_of(state.checkpoint),
        "query": state.query,
        "records": state.records,
        "first_leaf": state.first_leaf,
        "tree_size": state.size,
        "root": state.root,
        "sha256": digest,
    }


def _complete(path: Path, part: Path, manifest: Mapping[str, Any], form: Format) -> None:
    """Put the export in its place."""
    encoded = msgspec.json.encode(manifest) + b"\n"
    if form == "csv":
        path.with_name(f"{path.name}.manifest.json").write_bytes(encoded)
        part.replace(path)
        return
    whole = path.with_name(f"{path.name}.new")
    with whole.open("wb") as file, part.open("rb") as lines:
        file.write(encoded)
        while chunk := lines.read(BUFFER_BYTES):
            file.write(chunk)
    whole.replace(path)


def _line(entry: AuditEntry, form: Format) -> bytes:
    if form == "csv":
        return _csv_line([_cell(value) for value in _values(entry)])
    found = {"leaf_index": entry.n - 1, "leaf_hash": entry.leaf_hash, "record": entry.record}
    return msgspec.json.encode(found if entry.proof is None else {**found, "proof": entry.proof}) + b"\n"


def _values(entry: AuditEntry) -> tuple[Any, ...]:
    """Return the values of `COLUMNS`."""
    record = entry.record
    actor, entity = record["actor"], record["entity"]
    return (
        entry.n, record["id"], record["occurred_at"], entry.recorded_at, actor["type"], actor["id"], actor["session"],
        actor["device"], actor["address"], actor["agent"], record["action"], entity["type"], entity["id"],
        entity["conversation_id"], entity["tenant"], record["outcome"], record["reason"], record["purpose"],
        " ".join(record["subjects"]),
        record["count"], record["correlation_id"], record["causation_id"], entry.leaf_hash,
        *(record.get(name) for name in COLUMNS[FORMER_COLUMNS:]),
    )  # fmt: skip


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _csv_line(cells: Sequence[str]) -> bytes:
    """Return one line as RFC 4180 has it."""
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def tenant_of(checkpoint: str) -> str:
    """Return the tenant of a checkpoint, from its origin."""
    return unquote(checkpoint.partition("\n")[0].removeprefix("caas/"))
