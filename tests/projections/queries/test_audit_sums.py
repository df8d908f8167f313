"""Counts of the audit log are those of its records, also after crashes at any moment, repeats and reads from before."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.domain.decision import Rejected
from core.ports.documents import Changes, Documents, Row, TableGeneration
from core.ports.event_log import Unavailable
from projections.audit import audit_rows, day_sums
from projections.facts import Fact
from projections.generations import Generations
from projections.queries import audit_sums
from projections.queries.audit_sums import AuditSums
from projections.stores.memory import MemoryDocuments
from projections.stores.sqlite import SqliteDocuments
from schemas.wire.audit import AuditCountQuery
from streams.processors.audit import Audit
from streams.runtime.processor import Batch
from tests.given import TENANT
from tests.projections.audit.test_audit_rows import fact

COUNT = 700


@pytest.fixture(params=["memory", "sqlite"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    found = MemoryDocuments() if request.param == "memory" else SqliteDocuments(tmp_path / "documents.sqlite")
    await found.start(Audit.tables)
    await Audit(found).prepare(1)
    yield found
    await found.stop()


def some(seed: int, count: int = COUNT) -> list[Fact]:
    """Facts of two tenants on three days, one in ten a repeat of an earlier one."""
    chance = random.Random(seed)
    facts: list[Fact] = []
    for n in range(count):
        if facts and chance.random() < 0.1:
            earlier = chance.choice(facts)
            facts.append(Fact(earlier.topic, fact(n, "").position, earlier.envelope, earlier.event, 1_000))
        else:
            facts.append(_fact(n, chance))
    return facts


def _fact(n: int, chance: random.Random) -> Fact:
    return fact(
        n,
        f"r{n}",
        chance.choice((TENANT, TENANT, "umbra")),
        at=f"2026-11-{chance.choice((19, 20, 20, 21))}T{chance.randrange(24):02d}:00:00Z",
        actor=chance.choice(("ann", "ben", "cem")),
        action=chance.choice(("message:send", "message:edit")),
        outcome=chance.choice(("success", "success", "denied", "failure")),
        count=chance.choice((1, 1, 7)),
    )


async def apply(documents: Documents, facts: Sequence[Fact]) -> None:
    await Audit(documents).apply(Batch(facts, Audit.name, 1, {}))


async def in_batches(documents: Documents, facts: Sequence[Fact], seed: int) -> None:
    """Apply all in cuts of this seed."""
    chance, at = random.Random(seed), 0
    while at < len(facts):
        size = chance.randint(1, 300)
        await apply(documents, facts[at : at + size])
        at += size


def query(**asked: Any) -> AuditCountQuery:
    return msgspec.convert({"purpose": "a test", "by": "action,actor,day,outcome", **asked}, AuditCountQuery)


async def counts(documents: Documents, tenant: str = TENANT, **asked: Any) -> list[dict[str, Any]]:
    sums = AuditSums(documents, Generations(documents, (audit_rows.MODEL,)))
    return [msgspec.to_builtins(one) for one in (await sums.counts(tenant, query(**asked))).counts]


def expected(facts: Iterable[Fact], tenant: str = TENANT, **asked: str) -> list[dict[str, Any]]:
    """Return the counts that a plain pass over the first records finds."""
    by = asked.get("by", "action,actor,day,outcome").split(",")
    times, records = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for one in {one.envelope.id: one for one in reversed(list(facts))}.values():
        about = msgspec.structs.asdict(one.event)  # type: ignore[arg-type]
        about["day"] = about["at"][:10]
        wanted = all(about[name] == asked[name] for name in ("actor", "action", "outcome") if name in asked)
        within = asked.get("from", "") <= about["day"] < asked.get("to", "9")
        if one.envelope.tenant == tenant and wanted and within:
            key = tuple(about[name] for name in by)
            times[key] += about["count"]
            records[key] += 1
    return [dict(zip(by, key, strict=True)) | {"count": times[key], "records": records[key]} for key in sorted(times)]


async def stored(documents: Documents) -> dict[str, Row]:
    return {row["_id"]: row for row in await documents.scan(TableGeneration(day_sums.SUMS, 1))}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"by": "action"},
        {"by": "day"},
        {"by": "actor"},
        {"by": "outcome,actor"},
        {"by": "day,action", "actor": "ann"},
        {"by": "action", "actor": "nobody"},
        {"by": "actor", "action": "message:edit", "outcome": "denied"},
        {"by": "outcome", "from": "2026-11-20"},
        {"by": "day", "from": "2026-11-20", "to": "2026-11-21"},
        {"by": "actor", "to": "2026-11-20", "outcome": "success"},
        {"by": "action", "from": "2026-11-21", "to": "2026-11-20"},
    ],
    ids=str,
)
async def test_counts_are_those_of_the_records(documents: Documents, asked: dict[str, str]) -> None:
    facts = some(1)
    await in_batches(documents, facts, 1)
    for tenant in (TENANT, "umbra", "none"):
        assert await counts(documents, tenant, **asked) == expected(facts, tenant, **asked)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 513])
async def test_records_of_no_full_tile_are_counted(documents: Documents, size: int) -> None:
    facts = [fact(n, f"r{n}", actor=f"user-{n % 3}") for n in range(size)]
    await apply(documents, facts)
    assert await counts(documents) == expected(facts)
    days = [row["everyone"]["sums"] for row in (await stored(documents)).values() if "everyone" in row]
    assert sum(records for day in days for *_, records in day) == size // 256 * 256


@pytest.mark.parametrize("seed", range(6))
async def test_sums_are_exact_after_a_crash_at_any_moment(seed: int) -> None:
    facts, chance = some(seed, 1_000), random.Random(seed)
    documents, plain = MemoryDocuments(), MemoryDocuments()
    await in_batches(plain, facts, seed + 1)
    at = crashes = 0
    while at < len(facts):
        size = chance.randint(1, 600)
        work = asyncio.create_task(apply(documents, facts[at : at + size]))
        turns = chance.choice((10_000, chance.randrange(size), size + chance.randrange(30)))
        for _ in range(turns if crashes else size // 2):
            if work.done():
                break
            await asyncio.sleep(0)
        if work.done():
            at += size
        else:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            crashes += 1
            at = max(0, at - chance.choice((0, 0, 50)))  # who goes on may have an older checkpoint
    assert crashes
    assert await stored(documents) == await stored(plain)
    for tenant in (TENANT, "umbra"):
        assert await counts(documents, tenant) == expected(facts, tenant)


class SavesWithoutHeads(MemoryDocuments):
    """Crashes in a save after its rows."""

    async def save(self, changes: Changes) -> frozenset[str]:
        await super().save(replace(changes, heads=(), checkpoint=None))
        raise Unavailable("crashed")


async def test_sums_that_were_saved_before_their_head_are_not_added_again() -> None:
    facts, documents = [fact(n, f"r{n}", actor=f"user-{n % 3}") for n in range(600)], MemoryDocuments()
    await apply(documents, facts[:250])
    crashing = SavesWithoutHeads()
    crashing.__dict__.update(documents.__dict__)  # the same rows
    with pytest.raises(Unavailable):
        await apply(crashing, facts[250:290])
    assert await stored(documents)
    for begin, end in ((250, 520), (520, 600)):
        await apply(documents, facts[begin:end])
    assert await counts(documents) == expected(facts)


async def test_records_that_are_summed_while_somebody_counts_are_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts, documents = [fact(n, f"r{n}", actor=f"user-{n % 3}") for n in range(300)], MemoryDocuments()
    await apply(documents, facts[:200])
    get = documents.get

    async def later(*arguments: Any) -> dict[str, Row]:
        monkeypatch.undo()
        found = await get(*arguments)
        await apply(documents, facts[200:])
        return found

    monkeypatch.setattr(documents, "get", later)
    assert await counts(documents, by="actor") == expected(facts[:256], by="actor")
    assert await counts(documents, by="actor") == expected(facts, by="actor")


async def test_unsaved_log_has_no_counts(documents: Documents) -> None:
    assert await counts(documents) == []


@pytest.mark.parametrize("asked", [{"by": "actor"}, {"by": "day,action"}])
async def test_sums_are_read_page_after_page(
    documents: Documents, asked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = some(2)
    await in_batches(documents, facts, 2)
    monkeypatch.setattr(audit_sums, "BATCH_SIZE", 2)
    assert await counts(documents, **asked) == expected(facts, **asked)


@pytest.mark.parametrize(("bound", "wrong"), [("MAX_SCANNED", "/from"), ("MAX_COUNTS", "/by")])
async def test_too_many_are_refused(
    documents: Documents, bound: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_batches(documents, some(3), 3)
    monkeypatch.setattr(audit_sums, bound, 2)
    monkeypatch.setattr(audit_sums, "BATCH_SIZE", 2)
    with pytest.raises(Rejected) as refused:
        await counts(documents, by="actor,day")
    assert [pointer for pointer, _ in refused.value.errors] == [f"/data{wrong}"]
