"""What a node's users do without an event is recorded: logins one by one, the rest counted; nothing waits for it."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.audit.actor_context import text_of
from core.health import Health
from core.identity import Identity
from core.ports.event_log import Unavailable
from edge.socket.session.audit_trail import AuditTrail
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import Origin, SessionProtocol
from schemas.events import AuditRecorded
from streams.audit import audit_queue
from tests.eventually import eventually
from tests.given import AT, TENANT


class RecordingAudit:
    """Keeps what is recorded; while `down` it takes nothing."""

    def __init__(self) -> None:
        self.records: list[AuditRecorded] = []
        self.ids: list[tuple[str, str]] = []
        self.down = False

    def now(self) -> str:
        return AT

    async def record(
        self, record: AuditRecorded, correlation_id: str, record_id: str | None = None, cause: str = ""
    ) -> None:
        assert correlation_id
        if self.down:
            raise Unavailable("down")
        self.records.append(record)
        self.ids.append((correlation_id, cause))

    def said(self) -> list[tuple[str, str, str, str | None, int]]:
        return sorted((one.actor, one.action, one.outcome, one.reason, one.count) for one in self.records)  # type: ignore[type-var]


def session(user: str) -> ClientSession:
    made = SessionProtocol(lambda: f"session of {user}")
    identity = Identity(TENANT, user, 4e9)
    return ClientSession(made, identity, lambda _: None, actor_context=text_of(made.id, "192.0.2.7", "Mozilla"))


def trail_of(audit: RecordingAudit) -> AuditTrail:
    return AuditTrail(audit, Health(), "served", map(str, itertools.count(1)).__next__)


@asynccontextmanager
async def followed(trail: AuditTrail) -> AsyncIterator[None]:
    task = asyncio.create_task(trail.follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await trail.stop()


async def test_login_is_recorded_at_once_with_its_context() -> None:
    audit = RecordingAudit()
    trail = trail_of(audit)
    async with followed(trail):
        trail.login(session("ann"))
        await eventually(lambda: len(audit.records) == 1)
    (found,) = audit.records
    assert (found.tenant, found.at, found.actor, found.action, found.outcome) == (
        TENANT,
        AT,
        "ann",
        "auth:login",
        "success",
    )
    assert (found.session, found.address, found.agent) == ("session of ann", "192.0.2.7", "Mozilla")
    assert (found.entity_type, found.entity_id) == ("session", "session of ann")


async def test_login_is_recorded_under_the_ids_that_it_came_with() -> None:
    audit = RecordingAudit()
    trail, client = trail_of(audit), session("ann")
    client.session.origin = Origin("its correlation id", "its trace")
    async with followed(trail):
        trail.login(client)
        await eventually(lambda: audit.ids == [("its correlation id", "its trace")])


async def test_others_are_counted_by_session_and_recorded_at_the_end() -> None:
    audit = RecordingAudit()
    trail, ann, ben = trail_of(audit), session("ann"), session("ben")
    async with followed(trail):
        for _ in range(3):
            trail.signal(ann, "typing:start")
            trail.refused(ben, "message:send", "rate_limited")
        trail.signal(ben, "typing:start")
        trail.malformed(ann)
        await asyncio.sleep(0.01)
        assert audit.records == []
    assert audit.said() == [
        ("ann", "frame:refused", "failure", None, 1),
        ("ann", "typing:start", "success", None, 3),
        ("ben", "message:send", "failure", "rate_limited", 3),
        ("ben", "typing:start", "success", None, 1),
    ]
    assert {one.at for one in audit.records} == {AT}


async def test_counts_are_recorded_regularly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_queue, "INTERVAL_S", 0.02)
    audit = RecordingAudit()
    trail, ann = trail_of(audit), session("ann")
    async with followed(trail):
        trail.signal(ann, "typing:start")
        await eventually(lambda: [one.count for one in audit.records] == [1])
        trail.signal(ann, "typing:start")
        trail.signal(ann, "typing:start")
        await eventually(lambda: sum(one.count for one in audit.records) == 3)
    assert sum(one.count for one in audit.records) == 3


async def test_refused_logins_are_counted_by_address_and_reason() -> None:
    audit = RecordingAudit()
    trail = trail_of(audit)
    async with followed(trail):
        for address, code in (
            ("a", "unauthorized"),
            ("a", "unauthorized"),
            ("b", "unauthorized"),
            ("a", "token_expired"),
        ):
            trail.login_refused(code, address)
    found = sorted((one.address or "", one.reason or "", one.count) for one in audit.records)
    assert found == [("a", "token_expired", 1), ("a", "unauthorized", 2), ("b", "unauthorized", 1)]
    assert {(one.tenant, one.actor, one.outcome) for one in audit.records} == {("served", "", "denied")}


async def test_kinds_beyond_the_limit_are_counted_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_queue, "MAX_KINDS", 5)
    audit = RecordingAudit()
    trail = trail_of(audit)
    async with followed(trail):
        for n in range(100):
            trail.login_refused("unauthorized", f"address {n}")
    assert len(audit.records) == 6
    assert sum(one.count for one in audit.records) == 100


async def test_records_wait_for_a_log_that_is_down() -> None:
    audit = RecordingAudit()
    audit.down = True
    trail = trail_of(audit)
    async with followed(trail):
        trail.login(session("ann"))
        trail.login(session("ben"))
        await asyncio.sleep(0.1)
        assert audit.records == []
        audit.down = False
        await eventually(lambda: [one.actor for one in audit.records] == ["ann", "ben"])


async def test_node_that_ends_while_the_log_is_down_ends() -> None:
    audit = RecordingAudit()
    audit.down = True
    trail = trail_of(audit)
    async with asyncio.timeout(2), followed(trail):
        trail.login(session("ann"))
        trail.malformed(session("ann"))
    assert audit.records == []
