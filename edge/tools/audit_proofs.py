"""Proofs of the audit log, asked of the compliance service and verified here: that one record is in the tree, and that
the tree of now begins with one of before.
"""

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, Protocol

import msgspec

from core.audit.canonical import canonical
from core.audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from schemas.wire.audit import AuditEntry, AuditTree


class NotProved(Exception):
    """The service's answer does not prove what it should: the audit log was changed."""


class Source(Protocol):
    """Where records and trees come from."""

    def entries(self, asked: Mapping[str, str]) -> AsyncIterator[AuditEntry]:
        """Yield the records of a query."""
        ...

    async def tree(self, asked: Mapping[str, str]) -> AuditTree:
        """Return the tree that is asked for."""
        ...


class Inclusion(msgspec.Struct, frozen=True, kw_only=True):
    """A record with its proof, and the tree that it is in."""

    entry: AuditEntry
    tree: AuditTree

    def __str__(self) -> str:
        proof = [f"  {one}" for one in self.entry.proof or ()]
        lines = [
            f"record {self.entry.record['id']} is leaf {self.entry.n - 1} of {self.tree.size}",
            f"leaf  {self.entry.leaf_hash}",
            *(["proof", *proof] if proof else []),
            f"root  {self.tree.root}",
            "",
            self.tree.checkpoint.rstrip("\n"),
        ]
        return "\n".join(lines)


class Kept(NamedTuple):
    """A tree as it was kept elsewhere: its size and, in hex, its root, if that is known."""

    size: int
    root: str | None = None


class Consistency(msgspec.Struct, frozen=True, kw_only=True):
    """Two trees, of which the newer begins with the older, and the proof of it, in hex."""

    old_size: int
    old_root: str
    size: int
    root: str
    proof: list[str]

    def __str__(self) -> str:
        return f"the log of {self.size} records begins with that of {self.old_size}"


async def inclusion(source: Source, record_id: str, purpose: str) -> Inclusion | None:
    """Return the proof of a record in the tree of now, None if there is no such record. Raises `NotProved`, and as
    `source` does.
    """
    tree = await source.tree({"purpose": purpose, "wait": "true"})
    asked = {"purpose": purpose, "id": record_id, "proofs": "true", "up_to": str(tree.size)}
    async for entry in source.entries(asked):
        leaf = leaf_hash(canonical(entry.record))
        proof = [bytes.fromhex(one) for one in entry.proof or ()]
        if leaf.hex() != entry.leaf_hash:
            raise NotProved(f"record {record_id} was changed: its hash is not that of its leaf")
        if not verify_inclusion(leaf, entry.n - 1, tree.size, proof, bytes.fromhex(tree.root)):
            raise NotProved(f"record {record_id} is not in the tree of {tree.size} records")
        return Inclusion(entry=entry, tree=tree)
    return None


async def consistency(source: Source, old: Kept, new: Kept | None, purpose: str) -> Consistency:
    """Return the proof that the newer tree, None for that of now, begins with the older one, which is not empty.
    Raises `NotProved`, and as `source` does.
    """
    asked = {"purpose": purpose, "wait": "true", "old": str(old.size)}
    newer = await source.tree(asked if new is None else {**asked, "size": str(new.size)})
    older = await source.tree({"purpose": purpose, "size": str(old.size)})
    for tree, kept in ((older, old), (newer, new)):
        if kept is not None and kept.root not in {None, tree.root}:
            raise NotProved(f"the first {tree.size} records are not those of the checkpoint that was kept")
    proof = [bytes.fromhex(one) for one in newer.consistency]
    roots = bytes.fromhex(older.root), bytes.fromhex(newer.root)
    if not verify_consistency(old.size, newer.size, proof, *roots):
        raise NotProved(f"the log of {newer.size} records does not begin with that of {old.size}")
    return Consistency(
        old_size=old.size, old_root=older.root, size=newer.size, root=newer.root, proof=newer.consistency
    )
