"""Write an export of the audit log: a manifest, then a line for each record, in the order of the log."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from schemas.wire.audit import AuditEntry, AuditTree


class Records(Protocol):
    """Where records come from."""

    def entries(self, asked: Mapping[str, str]) -> AsyncIterator[AuditEntry]:
        """Yield the records of a query."""
        ...

    async def tree(self, asked: Mapping[str, str]) -> AuditTree:
        """Return the tree that is asked for."""
        ...


async def write_export(
    source: Records, path: Path, purpose: str, query: Mapping[str, str], *, proofs: bool
) -> dict[str, Any]:
    """Write an export of everything that happened before, and return its manifest. The same query of a tree of the same
    size gives the same bytes. The file is complete or not there. Raises `OSError`, and as `source` does.
    """
    tree = await source.tree({"purpose": purpose, "wait": "true"})
    asked = {**query, "purpose": purpose, "order": "number", "up_to": str(tree.size)}
    if proofs or query:
        asked["proofs"] = "true"
    body, whole = path.with_name(f"{path.name}.body"), path.with_name(f"{path.name}.part")
    digest, count, first = hashlib.sha256(), 0, None
    try:
        with body.open("wb") as file:
            async for entry in source.entries(asked):
                line = msgspec.json.encode(_line(entry)) + b"\n"
                digest.update(line)
                file.write(line)
                count, first = count + 1, entry.n - 1 if first is None else first
        manifest = {
            "kind": "manifest",
            "tenant": tenant_of(tree),
            "query": dict(query),
            "records": count,
            "first_leaf": first or 0,
            "tree_size": tree.size,
            "root": tree.root,
            "sha256": digest.hexdigest(),
        }
        with whole.open("wb") as file, body.open("rb") as lines:
            file.write(msgspec.json.encode(manifest) + b"\n")
            while chunk := lines.read(1 << 20):
                file.write(chunk)
        whole.replace(path)
        return manifest
    finally:
        body.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)


def _line(entry: AuditEntry) -> dict[str, Any]:
    found = {"leaf_index": entry.n - 1, "leaf_hash": entry.leaf_hash, "record": entry.record}
    return found if entry.proof is None else {**found, "proof": entry.proof}


def tenant_of(tree: AuditTree) -> str:
    """Return the tenant of a tree, from the origin of its checkpoint."""
    return unquote(tree.checkpoint.partition("\n")[0].removeprefix("caas/"))
