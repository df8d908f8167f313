"""Exports of an audit log and their checkpoints, as files, made with `core.audit`."""

import hashlib
import json
from pathlib import Path
from typing import Any

from core.audit.canonical import canonical
from core.audit.checkpoint import Checkpoint, origin_of, sign
from core.audit.merkle import inclusion_proof, leaf_hash, root_of
from core.audit.note import SigningKey
from core.audit.tiles import grow, hashes_in

TENANT = "acme"
KEY = SigningKey(origin_of(TENANT), b"k" * 32)
Line = dict[str, Any]


def record(n: int) -> Line:
    """The audit record of leaf n."""
    actor = {"type": "user", "id": f"u{n % 3}"}
    return {"id": f"a{n}", "occurred_at": 1_790_000_000_000 + n, "actor": actor, "action": "message:send"}


def lines_of(size: int, *, only: list[int] | None = None, proofs: bool = False) -> list[Line]:
    """The lines of records of a log of this size."""
    hashes = [hash_of(record(n)) for n in range(size)]
    nodes = hashes_in(grow(0, hashes, {}))
    lines = []
    for n in range(size) if only is None else only:
        line: Line = {"leaf_index": n, "leaf_hash": hashes[n].hex(), "record": record(n)}
        if proofs or only is not None:
            line["proof"] = [one.hex() for one in inclusion_proof(n, size, nodes)]
        lines.append(line)
    return lines


def hash_of(value: Line) -> bytes:
    """The leaf hash of a record."""
    return leaf_hash(canonical(value))


def restated(lines: list[Line]) -> list[Line]:
    """The lines with indexes and leaf hashes as if nothing had happened to them."""
    return [line | {"leaf_index": n, "leaf_hash": hash_of(line["record"]).hex()} for n, line in enumerate(lines)]


def write_export(path: Path, lines: list[Line], *, query: Line | None = None, **manifest: Any) -> Path:
    """Write an export with a manifest that fits its lines, but for what is given."""
    body = "".join(json.dumps(line) + "\n" for line in lines)
    fits = {
        "kind": "manifest",
        "tenant": TENANT,
        "query": query or {},
        "records": len(lines),
        "first_leaf": min((line["leaf_index"] for line in lines), default=0),
        "tree_size": len(lines),
        "root": root_of([bytes.fromhex(line["leaf_hash"]) for line in lines]).hex(),
        "sha256": hashlib.sha256(body.encode()).hexdigest(),
    }
    path.write_text(json.dumps(fits | manifest) + "\n" + body, encoding="utf-8")
    return path


def checkpoint_of(size: int, *keys: SigningKey, root: bytes | None = None, origin: str = KEY.name) -> str:
    """The checkpoint of the log at this size, signed by these keys, or by `KEY`."""
    found = root_of([hash_of(record(n)) for n in range(size)]) if root is None else root
    return sign(Checkpoint(origin, size, found), keys or (KEY,))
