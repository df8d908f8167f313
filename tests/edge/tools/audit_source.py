"""A source of audit records in memory, with their tree; it may end, or be changed, in between."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from core.audit.canonical import canonical
from core.audit.checkpoint import Checkpoint, sign
from core.audit.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of
from core.audit.tiles import grow, hashes_in
from schemas.wire.audit import AuditEntry, AuditPage, AuditTree
from tests.audit_export import KEY


class Ended(Exception):
    """The source has ended."""


def record(n: int, **other: Any) -> dict[str, Any]:
    """The record with this number, as clients get it."""
    actor = {"type": "user", "id": f"u{n % 3}", "session": "s", "device": None, "address": "::1", "agent": None}
    entity = {"type": "message", "id": f"m{n}", "conversation_id": "c", "tenant": "acme"}
    return {
        "id": f"a{n}",
        "occurred_at": "2026-11-20T09:30:00.000Z",
        "actor": actor,
        "action": "message:send",
        "entity": entity,
        "outcome": "success",
        "reason": None,
        "purpose": None,
        "subjects": [],
        "count": 1,
        "correlation_id": f"k{n}",
        "causation_id": None,
    } | other


class Source:
    """`records` may grow; `ends_after` pages every stream of pages raises `Ended`, and what was asked is kept."""

    def __init__(self, size: int, page: int = 3) -> None:
        self.records = [record(n) for n in range(1, size + 1)]
        self.page = page
        self.ends_after: int | None = None
        self.asked: list[Mapping[str, str]] = []

    def leaves(self, size: int) -> list[bytes]:
        return [leaf_hash(canonical(one)) for one in self.records[:size]]

    async def tree(self, asked: Mapping[str, str]) -> AuditTree:
        size, old = int(asked.get("size", len(self.records))), int(asked.get("old", 0))
        hash_of = hashes_in(grow(0, self.leaves(size), {}))
        root = root_of(self.leaves(size))
        between = consistency_proof(old, size, hash_of) if old else []
        note = sign(Checkpoint(KEY.name, size, root), [KEY])
        return AuditTree(size=size, root=root.hex(), checkpoint=note, consistency=[one.hex() for one in between])

    async def pages(self, asked: Mapping[str, str]) -> AsyncIterator[AuditPage]:
        self.asked.append(asked)
        up_to, begin = int(asked["up_to"]), int(asked.get("after", 0))
        found = [n for n in range(begin + 1, up_to + 1) if self.matches(self.records[n - 1], asked)]
        for count, at in enumerate(range(0, max(len(found), 1), self.page)):
            if count == self.ends_after:
                raise Ended
            numbers = found[at : at + self.page]
            after = None if at + self.page >= len(found) else str(numbers[-1])
            yield AuditPage(records=[self.entry(n, asked) for n in numbers], after=after, up_to=up_to)

    async def entries(self, asked: Mapping[str, str]) -> AsyncIterator[AuditEntry]:
        async for page in self.pages(asked):
            for one in page.records:
                yield one

    def entry(self, n: int, asked: Mapping[str, str]) -> AuditEntry:
        leaves = self.leaves(int(asked["up_to"]))
        hash_of = hashes_in(grow(0, leaves, {}))
        proof = [one.hex() for one in inclusion_proof(n - 1, len(leaves), hash_of)] if "proofs" in asked else None
        return AuditEntry(n=n, recorded_at=None, leaf_hash=leaves[n - 1].hex(), record=self.records[n - 1], proof=proof)

    @staticmethod
    def matches(one: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
        return asked.get("actor", one["actor"]["id"]) == one["actor"]["id"] and asked.get("id", one["id"]) == one["id"]
