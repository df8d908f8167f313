"""What operators do with `caas` is recorded before it is done, in the log or through the process that holds it."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from core.ports.event_log import OutcomeUnknown, Unavailable
from core.settings import Settings
from edge.cli import operator_record
from edge.cli.http_audit import HttpAudit
from edge.cli.operator_record import Act, operator, recorded
from edge.cli.up import system
from edge.composition import compose
from edge.process.secrets_file import kept
from schemas import envelope
from schemas.envelope import Foreign
from schemas.events import AuditRecorded
from schemas.topics import AUDIT_LOG, partitions
from schemas.wire.tokens import TOKEN_PATH
from streams.rebuild.lease import Refused
from tests.edge.cli.conftest import Caas
from tests.edge.compliance.test_app import RecordingAudit

ACT = Act(action="rebuild", entity_type="read_model", entity_id="messages", purpose="case 4711")
NEVER = Settings(adapters="stack", kafka_bootstrap="127.0.0.1:1", token_secret="t" * 32)


@pytest.fixture(autouse=True)
def olga(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "olga")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An embedded system that was started once."""
    data = tmp_path / "data"
    kept(data)

    async def start() -> None:
        async with compose.opened(compose.embedded(Settings(data=str(data)))):
            pass

    asyncio.run(start())
    return data


async def records_of(data: Path) -> list[AuditRecorded]:
    places, found = partitions(AUDIT_LOG), list[AuditRecorded]()
    async with compose.opened(compose.embedded(Settings(data=str(data)), "read")) as opened:
        ends = await opened.log.end_offsets(places)
        async for batch in opened.log.read(dict.fromkeys(places, 0), ends):
            for one in batch:
                read = envelope.read(one.topic, one.key, one.value, one.headers)
                assert not isinstance(read, Foreign)
                event = read.event
                assert isinstance(event, AuditRecorded)
                found.append(event)
    return found


async def ready_once(data: Path) -> None:
    async with system(Settings(data=str(data), port=0)):
        pass


Said = tuple[str, str, str, str, str | None]


def said(records: list[AuditRecorded]) -> list[Said]:
    return [
        (one.actor, one.action, f"{one.entity_type}:{one.entity_id}", one.outcome, one.reason)
        for one in records
        if one.actor_type == "operator"
    ]


async def test_act_is_recorded_before_it_is_done() -> None:
    audit = RecordingAudit()
    async with recorded(audit, NEVER, ACT):
        ((record, _),) = audit.records
        assert said([record]) == [("olga", "operator:rebuild", "read_model:messages", "success", None)]
        assert (record.tenant, record.purpose) == ("default", "case 4711")
    assert len(audit.records) == 1


@pytest.mark.parametrize(
    ("error", "reason"), [(Refused("no_worker", "it has none"), "no_worker"), (KeyError("x"), "KeyError")]
)
async def test_failure_is_a_second_record_of_the_same_correlation(error: Exception, reason: str) -> None:
    audit = RecordingAudit()
    with pytest.raises(type(error)):
        async with recorded(audit, NEVER, ACT):
            raise error
    (_, first), (record, second) = audit.records
    assert (record.outcome, record.reason, record.purpose) == ("failure", reason, "case 4711")
    assert first == second


async def test_failure_is_raised_although_the_log_is_down() -> None:
    audit = RecordingAudit()
    with pytest.raises(Refused, match="no_worker"):
        async with recorded(audit, NEVER, ACT):
            audit.fails = Unavailable("down")
            raise Refused("no_worker", "it has none")


@pytest.mark.parametrize("failure", [Unavailable("down"), OutcomeUnknown("slow")])
async def test_nothing_is_done_without_a_record(failure: Exception) -> None:
    audit, done = RecordingAudit(), False
    audit.fails = failure
    with pytest.raises(Unavailable, match="could not be recorded"):
        async with recorded(audit, NEVER, ACT):
            done = True
    assert not done


def test_operator_is_a_user_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ACME\\ol ga")
    assert operator() == "ACME_ol_ga"

    def nobody() -> str:
        raise KeyError("no name")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert operator().startswith("uid-")


def test_verbs_record_in_a_log_that_nobody_holds(caas: Caas, data: Path) -> None:
    where = ("--data", str(data))
    token = caas("token", "ann", "--names", "", "--role", "sre", "--role", "admin", *where)
    assert (token.status, token.err, token.out.count(".")) == (0, "", 2)
    assert caas("transcript", *where).status == 0
    assert caas("rebuild", "inbox", "--replace", "case 4711", *where).status == 0
    assert caas("rollback", "messages", *where).status == 1
    assert (caas("log", "adopt", *where).status, caas("log", "adopt", "--yes", *where).status) == (0, 0)
    found = asyncio.run(records_of(data))
    assert said(found) == [
        ("olga", "operator:token", "user:ann", "success", "admin, sre, names"),
        ("olga", "operator:transcript", "read_model:messages", "success", None),
        ("olga", "operator:rebuild", "read_model:inbox", "success", None),
        ("olga", "operator:rollback", "read_model:messages", "success", None),
        ("olga", "operator:rollback", "read_model:messages", "failure", "nothing_before"),
    ]
    assert [one.purpose for one in found] == [None, None, "case 4711", None, None]


async def test_verbs_record_through_the_system_that_holds_the_directory(caas: Caas, data: Path) -> None:
    where = ("--data", str(data))
    async with system(Settings(data=str(data), port=0)):
        for verb in (("token", "ann"), ("transcript",), ("rebuild", "inbox")):
            done = await asyncio.to_thread(caas, *verb, *where)
            assert (verb, done.status) == (verb, 0), done.err
    found = await records_of(data)
    assert said(found) == [
        ("olga", "operator:token", "user:ann", "success", None),
        ("olga", "operator:transcript", "read_model:messages", "success", None),
        ("olga", "operator:rebuild", "read_model:inbox", "success", None),
    ]
    assert {one.address for one in found} == {"127.0.0.1"}


async def test_tokens_of_the_gateway_of_a_running_system_are_recorded(data: Path) -> None:
    async with system(Settings(data=str(data), port=0)) as here, aiohttp.ClientSession() as session:
        for secret in (here.app_secret, "guess"):
            headers = {"X-App-Key": here.app_key, "X-App-Secret": secret}
            async with session.post(f"{here.url}{TOKEN_PATH}", headers=headers, json={"user_id": "ann"}) as answer:
                assert answer.status == (200 if secret == here.app_secret else 401)
    found = [(one.actor, one.actor_type, one.entity_id, one.outcome) for one in await records_of(data)]
    assert found == [(here.app_key, "application", "ann", "success"), ("", "application", "", "denied")]


async def test_system_that_starts_waits_for_a_verb_that_records(data: Path) -> None:
    async with AsyncExitStack() as verb:
        await verb.enter_async_context(compose.opened(compose.embedded(Settings(data=str(data)))))
        starting = asyncio.create_task(ready_once(data))
        await asyncio.sleep(0.2)
        assert not starting.done()
        await verb.aclose()
        await starting


async def test_process_that_takes_no_records_is_named(caas: Caas, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_record, "WAIT_S", 0.4)
    monkeypatch.setattr(HttpAudit.__init__, "__defaults__", (0.0,))
    async with compose.opened(compose.embedded(Settings(data=str(data)))):
        for verb in (("token", "ann"), ("transcript",)):
            done = await asyncio.to_thread(caas, *verb, "--data", str(data))
            assert (done.status, done.out) == (1, "")
            assert done.err.startswith(f"caas {verb[0]}: nothing was done, because it could not be recorded: another")
            assert len(done.err.splitlines()) == 1
    assert await records_of(data) == []


def test_token_of_a_stack_whose_log_is_down_is_refused_in_time(caas: Caas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_record, "WAIT_S", 0.3)
    done = caas("token", "ann", CAAS_ADAPTERS="stack", CAAS_KAFKA_BOOTSTRAP="127.0.0.1:1", CAAS_TOKEN_SECRET="t" * 32)
    assert (done.status, done.out) == (1, "")
    assert "caas token: nothing was done, because it could not be recorded: the log could not" in done.err
