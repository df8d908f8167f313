"""Law 22: what a command appended, and what was rejected, has exactly one audit record, in the order of the log."""

from collections.abc import Iterator
from uuid import uuid5

from schemas import topics
from schemas.ids import NAMESPACE
from tests.simulation import fold
from tests.simulation.world import World

AUDITED = (
    topics.MESSAGE_SENT,
    topics.MESSAGE_EDITED,
    topics.MESSAGE_DELETED,
    topics.MESSAGE_REJECTED,
    topics.CONVERSATION_UPDATED,
    topics.USER_ACTION,
)


def audited(world: World) -> Iterator[str]:
    """Compare the rows of the read model with the log."""
    events = [fold.event_of(record) for record in world.ledger.order if record.topic in AUDITED]
    wanted = {
        str(uuid5(NAMESPACE, f"effect audit {event.id}")): event
        for event in events
        if event is not None and event.counts
    }
    rows = {key: row for key, row in world.watch.rows("audit", "records").items() if "log" in row}
    audit = [fold.event_of(record) for record in world.ledger.order if record.topic == topics.AUDIT_LOG]
    said = {event.id for event in audit if event is not None and event.id not in wanted}
    for key in said - rows.keys():
        yield f"law 22: the audit record {key} has no row"
    for key in wanted.keys() - rows.keys():
        yield f"law 22: {wanted[key]} has no audit record"
    for key in rows.keys() - wanted.keys() - said:
        yield f"law 22: the audit record {rows[key]} is of no event"
    first = {}
    for record in world.ledger.order:
        if record.topic == topics.AUDIT_LOG:
            first.setdefault(dict(record.headers)["ce_id"].decode(), record.position)
    in_order = sorted(rows, key=lambda key: first.get(key, -1))
    if [rows[key]["log"]["n"] for key in in_order] != list(range(1, len(rows) + 1)):
        yield "law 22: the numbers of the audit records are not those of the log"
