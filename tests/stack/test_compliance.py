"""The audit log on the real servers: derived, numbered, queried, exported and verified."""

import asyncio
import json
import secrets
from pathlib import Path

import pytest

from caas_compliance import HttpAudit, new_report
from edge.auth.tokens import Tokens
from edge.tools import audit_verifier
from schemas import envelope, ids
from schemas.envelope import Record
from schemas.events import MessageSent
from tests.e2e.processes import free_port, run
from tests.stack.live import LONG_S, Live, append, new_room
from tests.streams.world import AT, CORRELATION

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

SENDERS = ("ann", "bob", "cem")
COUNT = 1_100
"""More than four tiles of the tree, and more than a page of a query."""
WHY = ("--purpose", "a test")


def sent(tenant: str, room: str, n: int) -> Record:
    sender = SENDERS[n % len(SENDERS)]
    message_id = ids.message_id(tenant, room, sender, str(n))
    event = MessageSent(
        tenant=tenant,
        at=AT,
        conversation_id=room,
        message_id=message_id,
        sender=sender,
        client_msg_id=str(n),
        text="never in a record",
        conversation_n=1,
    )
    return envelope.encode(event, event_id=message_id, source="/test", correlation_id=CORRELATION, actor=sender)


async def test_log_is_derived_queried_exported_and_verified(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, port = f"t{secrets.token_hex(4)}", free_port()
    monkeypatch.setitem(live.system.environment, "CAAS_AUDIT_CHECKPOINTS", str(tmp_path / "kept"))
    monkeypatch.setitem(live.system.environment, "CAAS_AUDIT_CHECKPOINT_S", "1")
    environment = live.system.environment | {"CAAS_TENANT": tenant, "CAAS_COMPLIANCE_PORT": str(port)}

    async def caas(*arguments: str) -> str:
        return await asyncio.to_thread(run, *arguments, environment=environment, seconds=LONG_S)

    workers = [await asyncio.to_thread(live.worker, model=model) for model in ("audit_events", "audit")]
    service = live.system.spawn("compliance", "serve", "compliance", "--port", str(port), port=port)
    await asyncio.to_thread(service.wait_ready, 60)
    async with live.adapters() as found:
        await append(found, [sent(tenant, new_room(), n) for n in range(COUNT)])
    export, checkpoint, key = (tmp_path / name for name in ("audit.jsonl", "checkpoint", "key"))

    printed = await caas("audit", "query", *WHY, "--actor", "bob", "--json", "--limit", "0")
    found_records = [json.loads(line)["record"] for line in printed.splitlines()]
    assert len(found_records) == len([n for n in range(COUNT) if SENDERS[n % 3] == "bob"])
    assert "never in a record" not in printed
    about = await caas("audit", "subject", "cem", *WHY, "--json")
    assert len(about.splitlines()) == COUNT // 3

    key.write_text(await caas("audit", "key"))
    await caas("audit", "export", str(export), *WHY, "--proofs")
    assert audit_verifier.main([str(export), "--checkpoint", f"{export}.checkpoint", "--key", str(key)]) == 0
    checkpoint.write_text(await caas("audit", "checkpoint", *WHY))
    await caas("audit", "export", str(export), *WHY)
    manifest = json.loads(export.read_text().splitlines()[0])
    assert manifest["tree_size"] > COUNT
    assert audit_verifier.main([str(export), "--checkpoint", str(checkpoint), "--key", str(key)]) == 0
    await caas("audit", "consistency", str(checkpoint), *WHY)
    await caas("audit", "proof", found_records[0]["id"], *WHY)

    token, _ = Tokens(environment["CAAS_TOKEN_SECRET"], 900).issue(tenant, "media", roles=["service"])
    async with HttpAudit(f"http://127.0.0.1:{port}", token) as other:
        reported = await other.record(new_report("media:downloaded", ("file", "7a7c"), "success", "content"))
    printed = await caas("audit", "query", *WHY, "--action", "media:downloaded", "--json")
    assert json.loads(printed)["record"]["id"] == reported
    while not (printed := await caas("audit", "checkpoints", *WHY, "--json")):
        await asyncio.sleep(1)
    checkpoint.write_text(json.loads(printed.splitlines()[0])["note"])
    await caas("audit", "consistency", str(checkpoint), *WHY)

    verified = await caas("verify", "audit", "audit_events", "--json")
    assert json.loads(verified) == {"audit": [], "audit_events": []}
    assert [await asyncio.to_thread(process.stop) for process in (service, *workers)] == [0, 0, 0]
