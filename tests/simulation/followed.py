"""Law 23: each record that has a tenant and a correlation id, event or not, has exactly one row of its place."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.ports.event_log import Received


def place(record: Received) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def can_be_found(record: Received) -> bool:
    return {"ce_tenantid", "correlation_id"} <= dict(record.headers).keys()


def followed(record: Received, rows: Mapping[str, Any]) -> bool:
    """Return whether the trace has the record, if it can be found at all."""
    return not can_be_found(record) or place(record) in rows


def traced(world: Any) -> Iterator[str]:
    """Compare the rows of the read model with the log."""
    rows = {key: row for key, row in world.watch.rows("trace", "records").items() if "log" in row}
    wanted = {place(record): record for record in world.ledger.order if can_be_found(record)}
    for key in wanted.keys() - rows.keys():
        yield f"law 23: {wanted[key]} is in no row of the trace"
    for key in rows.keys() - wanted.keys():
        yield f"law 23: the trace has {rows[key]} of no record"
    for key in wanted.keys() & rows.keys():
        said = dict(wanted[key].headers)["correlation_id"].decode()
        if rows[key]["correlation_id"] != said:
            yield f"law 23: {wanted[key]} is found by {rows[key]['correlation_id']}"
