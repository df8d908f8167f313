"""The compliance service answers officers, records each query before it answers, and shows nothing without a record."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from core.audit.canonical import canonical
from core.audit.checkpoint import Checkpoint, origin_of, sign, verify
from core.audit.merkle import EMPTY_ROOT, leaf_hash, verify_consistency, verify_inclusion
from core.audit.note import SigningKey
from core.health import Health
from core.ports.documents import Changes
from core.ports.documents import Checkpoint as Progress
from core.ports.event_log import OutcomeUnknown, Unavailable
from core.positions import position
from edge.auth.tokens import Tokens
from edge.compliance.app import Compliance, ComplianceEntrance, compliance_app
from projections.audit import audit_rows
from projections.checkpoints.folder import CheckpointFolder as Kept
from projections.generations import Generations
from projections.queries.audit_records import DERIVING, AuditRecords
from projections.queries.audit_sums import AuditSums
from projections.queries.audit_trees import AuditTrees
from projections.stores.memory import MemoryDocuments
from schemas.events import AuditRecorded
from schemas.topics import MESSAGE_SENT, partition_of
from schemas.wire.audit import AUDIT_PATH, CHECKPOINTS_PATH, COUNTS_PATH, TREE_PATH
from streams.log.memory import MemoryLog
from streams.processors.audit import Audit
from tests.given import AT, CORRELATION, ROOM, TENANT
from tests.projections.audit.test_audit_rows import fact
from tests.projections.queries.test_audit_records import save
from tests.streams.world import said

TOKENS = Tokens("s" * 32, 900)
SEED = bytes(32)
Client = TestClient[Any, Any]


class RecordingAudit:
    """Keeps what is recorded; `fails` is raised instead."""

    def __init__(self) -> None:
        self.records: list[tuple[AuditRecorded, str]] = []
        self.causes: list[str] = []
        self.fails: Exception | None = None

    def now(self) -> str:
        return AT

    async def record(
        self, record: AuditRecorded, correlation_id: str, record_id: str | None = None, cause: str = ""
    ) -> None:
        if self.fails is not None:
            raise self.fails
        self.records.append((record, correlation_id))
        self.causes.append(cause)


@pytest.fixture
def audit() -> RecordingAudit:
    return RecordingAudit()


@pytest.fixture
async def documents() -> MemoryDocuments:
    found = MemoryDocuments()
    await found.start(Audit.tables)
    await save(found, [fact(n, f"r{n}", outcome="denied" if n % 2 else "success") for n in range(4)])
    return found


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "checkpoints")


@pytest.fixture
async def client(
    audit: RecordingAudit, documents: MemoryDocuments, log: MemoryLog, kept: Kept
) -> AsyncIterator[Client]:
    health = Health()
    entrance = ComplianceEntrance(health)
    generations = Generations(documents, (audit_rows.MODEL, DERIVING))
    records, trees = AuditRecords(documents, generations, log), AuditTrees(documents, generations)
    sums = AuditSums(documents, generations)
    entrance.open(Compliance(TOKENS, records, trees, audit, SEED, sums=sums, checkpoints=kept))
    assert health.ready
    async with TestClient(TestServer(compliance_app(entrance, health))) as found:
        yield found


def as_user(*roles: str, tenant: str = TENANT) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS.issue(tenant, 'olga', roles=roles)[0]}"}


OFFICER = as_user("compliance_officer")


async def asked(client: Client, headers: dict[str, str] = OFFICER, **parameters: Any) -> tuple[int, dict[str, Any]]:
    answer = await client.get(AUDIT_PATH, params={"purpose": "case 4711"} | parameters, headers=headers)
    return answer.status, json.loads(await answer.read())


async def tree_of(client: Client, **parameters: str) -> tuple[int, dict[str, Any]]:
    answer = await client.get(TREE_PATH, params={"purpose": "case 4711"} | parameters, headers=OFFICER)
    return answer.status, json.loads(await answer.read())


async def test_officer_gets_records(client: Client) -> None:
    status, page = await asked(client, outcome="denied", limit="1")
    assert status == 200
    assert [one["record"]["id"] for one in page["records"]] == ["r3"]
    status, rest = await asked(client, outcome="denied", limit="1", after=page["after"])
    assert [one["record"]["id"] for one in rest["records"]] == ["r1"]
    assert page["up_to"] == rest["up_to"] == 4


async def test_kept_checkpoints_are_shown_and_recorded(client: Client, audit: RecordingAudit, kept: Kept) -> None:
    for size in (1, 3):
        checkpoint = Checkpoint(origin_of(TENANT), size, EMPTY_ROOT, ("signed 2026-11-20T09:00:00.000Z",))
        await kept.keep(TENANT, size, sign(checkpoint, [SigningKey(origin_of(TENANT), SEED)]))
    asked = {"purpose": "case 4711", "after": "1"}
    answer = await client.get(CHECKPOINTS_PATH, params=asked, headers=OFFICER)
    assert (answer.status, audit.records[0][0].action) == (200, "audit:checkpoints")
    found = await answer.json()
    (one,) = found["checkpoints"]
    assert (one["size"], one["root"], one["signed_at"]) == (3, EMPTY_ROOT.hex(), "2026-11-20T09:00:00.000Z")
    assert (one["note"], found["after"]) == (await kept.newest(TENANT), None)
    refused = await client.get(CHECKPOINTS_PATH, params=asked, headers=as_user("sre"))
    assert refused.status == 403


async def test_many_checkpoints_come_in_parts(client: Client, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.compliance.app.MAX_CHECKPOINTS", 2)
    for size in (1, 2, 3):
        note = sign(Checkpoint(origin_of(TENANT), size, EMPTY_ROOT), [SigningKey(origin_of(TENANT), SEED)])
        await kept.keep(TENANT, size, note)
    parts, after = [], -1
    while after is not None:
        answer = await client.get(CHECKPOINTS_PATH, params={"purpose": "all", "after": str(after)}, headers=OFFICER)
        found = await answer.json()
        parts.append([(one["size"], one["signed_at"]) for one in found["checkpoints"]])
        after = found["after"]
    assert parts == [[(1, None), (2, None)], [(3, None)]]


async def test_query_is_recorded_before_it_is_answered(client: Client, audit: RecordingAudit) -> None:
    headers = OFFICER | {"X-Correlation-ID": CORRELATION, "User-Agent": "curl/8"}
    status, _ = await asked(client, headers, actor="ann")
    assert status == 200
    ((record, correlation_id),) = audit.records
    assert (record.tenant, record.actor, record.action, record.outcome) == (TENANT, "olga", "audit:query", "success")
    assert (record.purpose, record.entity_type, correlation_id) == ("case 4711", "audit_log", CORRELATION)
    assert "actor=ann" in record.entity_id
    assert (record.address, record.agent) == ("127.0.0.1", "curl/8")


@pytest.mark.parametrize("failure", [Unavailable("down"), OutcomeUnknown("slow")])
async def test_query_without_a_record_shows_nothing(client: Client, audit: RecordingAudit, failure: Exception) -> None:
    audit.fails = failure
    status, problem = await asked(client)
    assert (status, problem["code"]) == (503, "unavailable")


@pytest.mark.parametrize("roles", [(), ("sre",), ("admin", "sre")])
async def test_others_are_refused_and_recorded(client: Client, audit: RecordingAudit, roles: tuple[str, ...]) -> None:
    status, problem = await asked(client, as_user(*roles))
    assert (status, problem["code"]) == (403, "not_allowed")
    ((record, _),) = audit.records
    assert (record.outcome, record.reason, record.actor) == ("denied", "not_allowed", "olga")


async def test_caller_without_token_is_refused(client: Client, audit: RecordingAudit) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        status, problem = await asked(client, headers)
        assert (status, problem["code"]) == (401, "unauthorized")
    assert audit.records == []


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"purpose": ""}, "/purpose"),
        ({"purpose": "x" * 301}, "/purpose"),
        ({"limit": "0"}, "/limit"),
        ({"limit": "1001"}, "/limit"),
        ({"limit": "many"}, "/limit"),
        ({"from": "yesterday"}, "/from"),
        ({"to": "2026-11-20T09:30:00"}, "/to"),
        ({"outcome": "fine"}, "/outcome"),
        ({"order": "random"}, "/order"),
        ({"up_to": "-1"}, "/up_to"),
        ({"after": "nonsense"}, "/data/after"),
    ],
)
async def test_invalid_parameter_is_named(client: Client, parameters: dict[str, str], pointer: str) -> None:
    status, problem = await asked(client, **parameters)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


async def test_unknown_parameter_is_refused(client: Client) -> None:
    """A mistyped filter would otherwise show what nobody asked for."""
    status, problem = await asked(client, aktor="ann")
    assert (status, problem["code"]) == (422, "validation_failed")
    assert "aktor" in problem["detail"]


async def test_officer_of_another_tenant_sees_nothing_of_this_one(client: Client) -> None:
    status, page = await asked(client, as_user("compliance_officer", tenant="umbra"))
    assert (status, page["records"], page["up_to"]) == (200, [], 0)


async def test_query_that_waits_has_what_happened_before(
    client: Client, documents: MemoryDocuments, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.progress.CATCH_UP_TIMEOUT_S", 0.1)
    assert (await asked(client, wait="true"))[0] == 200
    await log.append(said(ROOM, 1))
    status, problem = await asked(client, wait="true")
    assert (status, problem["code"], problem["retry"]) == (503, "not_ready", True)
    assert (await asked(client))[0] == 200
    at = partition_of(MESSAGE_SENT, ROOM.encode())
    await documents.save(Changes([], [], Progress(DERIVING, 1, {at: position(log.epoch, 1)})))
    assert (await asked(client, wait="true"))[0] == 200


async def test_tree_is_signed_and_recorded(client: Client, audit: RecordingAudit) -> None:
    status, tree = await tree_of(client)
    assert (status, tree["size"], tree["consistency"]) == (200, 4, [])
    origin = origin_of(TENANT)
    checkpoint = verify(tree["checkpoint"], [SigningKey(origin, SEED).verifier], origin).checkpoint
    assert (checkpoint.origin, checkpoint.size, checkpoint.root.hex()) == (origin, 4, tree["root"])
    ((record, _),) = audit.records
    assert (record.action, record.purpose, record.outcome) == ("audit:tree", "case 4711", "success")


async def test_tree_begins_with_older_ones(client: Client) -> None:
    _, newest = await tree_of(client)
    for size in (1, 2, 3, 4):
        status, older = await tree_of(client, size=str(size))
        assert (status, older["size"]) == (200, size)
        _, proved = await tree_of(client, old=str(size))
        proof = [bytes.fromhex(one) for one in proved["consistency"]]
        assert verify_consistency(size, 4, proof, bytes.fromhex(older["root"]), bytes.fromhex(newest["root"]))


async def test_records_are_proved_in_the_tree(client: Client) -> None:
    _, tree = await tree_of(client)
    status, page = await asked(client, proofs="true", order="number", up_to=str(tree["size"]), actor="ann")
    assert (status, [one["n"] for one in page["records"]]) == (200, [1, 2, 3, 4])
    for one in page["records"]:
        leaf, proof = bytes.fromhex(one["leaf_hash"]), [bytes.fromhex(part) for part in one["proof"]]
        assert leaf == leaf_hash(canonical(one["record"]))
        assert verify_inclusion(leaf, one["n"] - 1, tree["size"], proof, bytes.fromhex(tree["root"]))


async def test_proof_in_a_larger_tree_than_there_is_is_refused(client: Client) -> None:
    status, problem = await asked(client, proofs="true", up_to="5")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/data/up_to")
    assert (await asked(client, up_to="5"))[0] == 200


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"size": "5"}, "/data/size"),
        ({"old": "5"}, "/data/old"),
        ({"old": "3", "size": "2"}, "/data/old"),
        ({"old": "0"}, "/old"),
        ({"size": "-1"}, "/size"),
        ({"purpose": ""}, "/purpose"),
    ],
)
async def test_tree_that_is_not_there_is_refused(client: Client, parameters: dict[str, str], pointer: str) -> None:
    status, problem = await tree_of(client, **parameters)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


async def test_tree_of_nothing_is_empty(client: Client) -> None:
    answer = await client.get(
        TREE_PATH, params={"purpose": "case"}, headers=as_user("compliance_officer", tenant="umbra")
    )
    tree = json.loads(await answer.read())
    assert (tree["size"], tree["root"]) == (0, EMPTY_ROOT.hex())


async def test_tree_is_for_officers_alone(client: Client, audit: RecordingAudit) -> None:
    answer = await client.get(TREE_PATH, params={"purpose": "case"}, headers=as_user("sre"))
    assert answer.status == 403
    assert [(record.action, record.outcome) for record, _ in audit.records] == [("audit:tree", "denied")]


async def counts_of(client: Client, headers: dict[str, str] = OFFICER, **parameters: str) -> tuple[int, dict[str, Any]]:
    answer = await client.get(COUNTS_PATH, params={"purpose": "case 4711"} | parameters, headers=headers)
    return answer.status, json.loads(await answer.read())


async def test_officer_gets_counts_and_that_is_recorded(client: Client, audit: RecordingAudit) -> None:
    status, found = await counts_of(client, by="day,outcome", actor="ann")
    assert (status, found["up_to"]) == (200, 4)
    day = AT[:10]
    assert found["counts"] == [
        {"day": day, "outcome": "denied", "count": 2, "records": 2},
        {"day": day, "outcome": "success", "count": 2, "records": 2},
    ]
    ((record, _),) = audit.records
    assert (record.actor, record.action, record.purpose) == ("olga", "audit:counts", "case 4711")
    assert await counts_of(client, by="action", **{"from": "2027-01-01"}) == (200, {"counts": [], "up_to": 4})
    other = as_user("compliance_officer", tenant="umbra")
    assert await counts_of(client, other, by="action") == (200, {"counts": [], "up_to": 0})


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({}, "/by"),
        ({"by": "entity"}, "/by"),
        ({"by": "action,"}, "/by"),
        ({"by": "action", "from": "2026-11-20T09:30:00Z"}, "/from"),
        ({"by": "action", "to": "today"}, "/to"),
        ({"by": "action", "outcome": "odd"}, "/outcome"),
        ({"by": "action", "purpose": ""}, "/purpose"),
        ({"by": "action", "limit": "1"}, ""),
    ],
    ids=str,
)
async def test_count_that_cannot_be_understood_is_refused(
    client: Client, audit: RecordingAudit, parameters: dict[str, str], pointer: str
) -> None:
    status, problem = await counts_of(client, **parameters)
    assert (status, problem["code"], audit.records) == (422, "validation_failed", [])
    assert pointer in [one["pointer"] for one in problem["errors"]]


async def test_counts_are_for_officers_alone(client: Client, audit: RecordingAudit) -> None:
    status, problem = await counts_of(client, as_user("admin", "sre"), by="action")
    assert (status, problem["code"]) == (403, "not_allowed")
    assert [(record.action, record.outcome) for record, _ in audit.records] == [("audit:counts", "denied")]


ADMIN = as_user("admin")
ACT = {"action": "operator:rebuild", "entity": "read_model:messages", "outcome": "success", "purpose": "disk swapped"}


async def test_act_of_an_operator_is_recorded_as_the_callers(client: Client, audit: RecordingAudit) -> None:
    headers = ADMIN | {"X-Correlation-ID": CORRELATION, "User-Agent": "caas"}
    answer = await client.post(AUDIT_PATH, json=ACT | {"reason": "differs", "outcome": "failure"}, headers=headers)
    assert (answer.status, await answer.read()) == (201, b"")
    ((record, correlation_id),) = audit.records
    assert (record.tenant, record.actor, record.actor_type, record.at) == (TENANT, "olga", "operator", AT)
    assert (record.action, record.entity_type, record.entity_id) == ("operator:rebuild", "read_model", "messages")
    assert (record.outcome, record.reason, record.purpose) == ("failure", "differs", "disk swapped")
    assert (record.address, record.agent, correlation_id) == ("127.0.0.1", "caas", CORRELATION)


@pytest.mark.parametrize("failure", [Unavailable("down"), OutcomeUnknown("slow")])
async def test_act_without_a_durable_record_is_unavailable(
    client: Client, audit: RecordingAudit, failure: Exception
) -> None:
    audit.fails = failure
    answer = await client.post(AUDIT_PATH, json=ACT, headers=ADMIN)
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (503, "unavailable")


@pytest.mark.parametrize("roles", [(), ("compliance_officer",), ("sre",)])
async def test_others_record_nothing_but_their_attempt(
    client: Client, audit: RecordingAudit, roles: tuple[str, ...]
) -> None:
    answer = await client.post(AUDIT_PATH, json=ACT, headers=as_user(*roles))
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (403, "not_allowed")
    ((record, _),) = audit.records
    assert (record.action, record.outcome, record.reason) == ("audit:record", "denied", "not_allowed")
    assert (record.actor, record.actor_type) == ("olga", "user")
    assert (await client.post(AUDIT_PATH, json=ACT)).status == 401


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"action": "message:send"}, "/action"),
        ({"action": "operator:"}, "/action"),
        ({"action": "operator:x\n"}, "/action"),
        ({"entity": "messages"}, "/entity"),
        ({"entity": "user:" + "x" * 600}, "/entity"),
        ({"outcome": "fine"}, "/outcome"),
        ({"reason": ""}, "/reason"),
        ({"purpose": "x" * 301}, "/purpose"),
    ],
)
async def test_invalid_act_is_named_and_not_recorded(
    client: Client, audit: RecordingAudit, wrong: dict[str, str], pointer: str
) -> None:
    answer = await client.post(AUDIT_PATH, json=ACT | wrong, headers=ADMIN)
    body = await answer.json(content_type=None)
    assert (answer.status, body["code"], [one["pointer"] for one in body["errors"]]) == (
        422,
        "validation_failed",
        [pointer],
    )
    assert audit.records == []


async def test_actor_of_an_act_cannot_be_chosen(client: Client, audit: RecordingAudit) -> None:
    for more in ({"actor": "ann"}, {"tenant": "umbra"}, {"actor_type": "system"}):
        assert (await client.post(AUDIT_PATH, json=ACT | more, headers=ADMIN)).status == 422
    assert audit.records == []


async def test_store_that_is_down_is_unavailable(
    client: Client, documents: MemoryDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: Any, **__: Any) -> Any:
        raise Unavailable("down")

    monkeypatch.setattr(documents, "find", down)
    status, problem = await asked(client)
    assert (status, problem["code"], problem["retry"]) == (503, "unavailable", True)


async def test_service_that_starts_says_what_it_waits_for() -> None:
    health = Health()
    app = compliance_app(ComplianceEntrance(health), health)
    async with TestClient(TestServer(app)) as client:
        answer: aiohttp.ClientResponse = await client.get(AUDIT_PATH, headers=OFFICER)
        body = json.loads(await answer.read())
        assert (answer.status, body["code"], "compliance" in body["detail"]) == (503, "not_ready", True)
        assert (await client.get("/readyz")).status == 503
