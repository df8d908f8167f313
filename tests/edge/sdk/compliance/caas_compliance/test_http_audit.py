"""A service's reports become records through the compliance service: durable, once, in order, and never lost unseen."""

from typing import Any

import pytest
from msgspec import structs

import caas_compliance.report_sender
from caas_compliance import AuditUnavailable, HttpAudit, NotAllowed, QueueFull, ReportRefused
from core.ports.event_log import Unavailable
from edge.compliance.service_reports import id_of
from tests.edge.compliance.test_app import TOKENS, Client, RecordingAudit, audit, client, documents, kept
from tests.edge.sdk.compliance.caas_compliance.test_reports import made
from tests.eventually import eventually
from tests.given import TENANT

__all__ = ["audit", "client", "documents", "kept"]
TOKEN = TOKENS.issue(TENANT, "media", roles=["service"])[0]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caas_compliance.report_sender, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(caas_compliance.http_audit, "MAX_PAUSE_S", 0.01)


def http_audit(client: Client, token: Any = TOKEN, **more: Any) -> HttpAudit:
    return HttpAudit(str(client.make_url("/")), token, **more)


def recorded(audit: RecordingAudit) -> list[str]:
    return [record.entity_id for record, _ in audit.records]


async def test_record_returns_when_it_is_durable(client: Client, audit: RecordingAudit) -> None:
    async with http_audit(client) as mine:
        report = made(actor="ann")
        found = await mine.record(report)
    ((record, _),) = audit.records
    assert found == id_of(TOKENS.verify(TOKEN), report.id)
    assert (record.actor, record.reported_by, record.action) == ("ann", "media", "media:downloaded")


async def test_log_that_comes_back_in_time_gets_the_report(client: Client, audit: RecordingAudit) -> None:
    class Back(Unavailable):
        """Says once that the log is down."""

        def __str__(self) -> str:
            audit.fails = None
            return "down"

    audit.fails = Back()
    async with http_audit(client) as mine:
        await mine.record(made())
    assert recorded(audit) == ["7a7c"]


async def test_log_that_stays_away_is_an_error(client: Client, audit: RecordingAudit) -> None:
    audit.fails = Unavailable("the log is down")
    async with http_audit(client, patience_s=0.2) as mine:
        with pytest.raises(AuditUnavailable, match="the log is down"):
            await mine.record(made())
    assert audit.records == []


async def test_service_that_is_not_there_is_an_error() -> None:
    async with HttpAudit("http://127.0.0.1:9", TOKEN, patience_s=0.2) as mine:
        with pytest.raises(AuditUnavailable, match="no answer"):
            await mine.record(made())


async def test_what_is_put_is_recorded_in_its_order(client: Client, audit: RecordingAudit) -> None:
    names = [str(n) for n in range(250)]
    async with http_audit(client) as mine:
        for name in names:
            mine.put(made(entity=("file", name)))
        assert mine.waiting == 250
        await eventually(lambda: mine.waiting == 0)
    assert recorded(audit) == names


async def test_refused_report_holds_no_other_back(client: Client, audit: RecordingAudit) -> None:
    async with http_audit(client) as mine:
        mine.put(made(entity=("file", "1")))
        mine.put(made(action="message:send"))
        mine.put(made(entity=("file", "3")))
        await eventually(lambda: mine.waiting == 0)
        ((report, why),) = mine.refused
        assert (report.action, "own actions" in why) == ("message:send", True)
        with pytest.raises(ReportRefused, match="own actions"):
            await mine.record(made(action="audit:query"))
    assert recorded(audit) == ["1", "3"]


async def test_what_waits_is_bounded_and_none_of_it_is_lost(client: Client, audit: RecordingAudit) -> None:
    audit.fails = Unavailable("down")
    async with http_audit(client, max_waiting=3, stop_s=0.05) as mine:
        waiting = [made(entity=("file", str(n))) for n in range(3)]
        for report in waiting:
            mine.put(report)
        with pytest.raises(QueueFull, match="3 reports wait"):
            mine.put(made())
        assert await mine.close() == waiting
        assert mine.waiting == 0


async def test_end_of_the_block_sends_what_waits(client: Client, audit: RecordingAudit) -> None:
    async with http_audit(client) as mine:
        mine.put(made())
    assert recorded(audit) == ["7a7c"]


async def test_end_of_the_block_says_what_was_not_recorded(
    client: Client, audit: RecordingAudit, caplog: pytest.LogCaptureFixture
) -> None:
    audit.fails = Unavailable("down")
    async with http_audit(client, stop_s=0.05) as mine:
        mine.put(made())
    assert "1 reports were not recorded" in caplog.text


async def test_reports_wait_for_a_token_that_may_report(client: Client, audit: RecordingAudit) -> None:
    tokens = [TOKENS.issue(TENANT, "media")[0]]

    async def token() -> str:
        return tokens[0]

    async with http_audit(client, token) as mine:
        with pytest.raises(NotAllowed):
            await mine.record(made())
        mine.put(made())
        await eventually(lambda: len(audit.records) > 2)  # those of the refusals
        assert mine.waiting == 1
        tokens[0] = TOKEN
        await eventually(lambda: mine.waiting == 0)
    assert (audit.records[-1][0].action, audit.records[0][0].reason) == ("media:downloaded", "not_allowed")


async def test_wrong_report_is_refused_before_it_is_sent(client: Client, audit: RecordingAudit) -> None:
    wrong = structs.replace(made(), id="1")
    async with http_audit(client) as mine:
        with pytest.raises(ReportRefused):
            mine.put(wrong)
        with pytest.raises(ReportRefused):
            await mine.record(wrong)
    assert audit.records == []
