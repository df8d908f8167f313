"""Services test with an audit in memory, which keeps each id once and takes no wrong report."""

import pytest
from msgspec import structs

from caas_compliance import Audit, MemoryAudit, ReportRefused
from tests.edge.sdk.compliance.caas_compliance.test_reports import made


async def test_reports_are_kept_in_order_and_each_id_once() -> None:
    memory = MemoryAudit()
    audit: Audit = memory
    first, second = made(), made()
    assert await audit.record(first) == first.id
    audit.put(second)
    await audit.record(structs.replace(first, outcome="failure"))
    assert memory.reports == [first, second]


async def test_wrong_report_is_refused() -> None:
    with pytest.raises(ReportRefused):
        await MemoryAudit().record(structs.replace(made(), id="1"))
