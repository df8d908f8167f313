"""Queries and counts are measured among records that the processor `audit` has saved, each form by a declared index."""

from pathlib import Path

from core.settings import Settings
from edge.composition import compose
from edge.tools.bench.audit_queries import COMBINED, COUNTED, DEEP, Asking, Questions, asked, fill
from edge.tools.bench.audit_trail import AuditTrail
from edge.tools.bench.spec import Audits
from schemas.wire.audit import AuditCountQuery, AuditQuery

RECORDS = 600


def test_generated_records_are_the_same_in_every_run() -> None:
    first, second = ([*AuditTrail("bench", RECORDS).batches(7)] for _ in range(2))
    assert first == second
    assert sum(len(batch.facts) for batch in first) == RECORDS


async def test_every_form_is_measured_and_has_an_answer(tmp_path: Path) -> None:
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))) as found:
        await fill(found.documents, AuditTrail("bench", RECORDS), 7)
        forms = await asked(found, 7, "bench", Audits(records=RECORDS, queries=2))
        assert {*COMBINED, *COUNTED, *DEEP, "newest", "id", "correlation_id, oldest", "subject, newest"} <= forms.keys()
        assert all(form.p99_ms > 0 for form in forms.values())
        asking = Asking(found, 7, "bench")
        async for name, queries in Questions(found.documents, 7, "bench", RECORDS).forms(2):
            for query in queries if not {"none", "few", "outcome"} & set(name.split()) else ():
                assert await asking.answers(query), name


async def test_all_records_are_counted(tmp_path: Path) -> None:
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))) as found:
        await fill(found.documents, AuditTrail("bench", RECORDS), 7)
        asking = Asking(found, 7, "bench")
        assert await asking.answers(AuditCountQuery(purpose="bench", by="day")) == 90
        assert await asking.answers(AuditQuery(purpose="bench", limit=1000)) == RECORDS
