"""Queries of the trace of a correlation id over HTTP, and their answers."""

from typing import Final

import msgspec

TRACE_PATH: Final = "/api/v1/trace/{id}"
MAX_TRACE_RECORDS: Final = 1000
"""Maximum number of records in one answer."""


class TraceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `wait` the answer has what happened before the query, if the read model reaches it within some seconds."""

    wait: bool = False


class TraceRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of the log, without its content.

    `recorded_ms` is when the log got it, in milliseconds since 1970, 0 if it does not say; `occurred_at` is the time
    that its author gave it; `bytes` is the size of key, value and headers. `id` is the event's, `cause` that of the
    event that it came from.

    `action`, `outcome` and `code` are of a decision: the command or act, how it ended, and the error code. `stage` is
    how far messages came: `persisted`, or `delivered` and `read` by the user `by` on their `device`; up to number
    `seq`. `names` is how many messages of this request a record is about that has messages of several.

    A dead letter names the `processor` that could not use the record `origin` (`topic/partition/offset`).
    """

    topic: str
    partition: int
    offset: int
    recorded_ms: int = 0
    bytes: int = 0
    type: str = ""
    id: str = ""
    cause: str = ""
    source: str = ""
    actor: str = ""
    key: str = ""
    occurred_at: str = ""
    action: str | None = None
    outcome: str | None = None
    code: str | None = None
    stage: str | None = None
    seq: int | None = None
    by: str | None = None
    device: str | None = None
    names: int | None = None
    processor: str | None = None
    origin: str | None = None

    @property
    def place(self) -> str:
        """Where it lies: `topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class TraceApplication(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a processor that reads a record made of it: `applied` says whether its read model has it.

    The times are when the batch with the record was begun, saved, and when what it emitted was durable, by the clock of
    the worker, in milliseconds since 1970. `latency_ms` is from the record's time to the save. All of them are null
    where the journal has no such batch (any more).
    """

    processor: str
    applied: bool
    began_ms: int | None = None
    saved_ms: int | None = None
    emitted_ms: int | None = None
    latency_ms: int | None = None


class TraceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A record in its place in the tree: `parent` is the index of the entry that it came from, null at the root.

    `applications` has each processor that reads such a record; it is empty where nobody can know, see `Trace.journal`.
    """

    parent: int | None
    depth: int
    record: TraceRecord
    applications: list[TraceApplication] = []


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The causal tree of a correlation id: each record once, after the one that it came from.

    `cut`: there are more records than the answer may have, and the later ones are left out. `behind` is how many
    records of the log the read model has not read yet, null where the log itself was read.

    `journal`: the entries say which processors applied their records, and when. Without it, as in a scan of the log,
    that is not known: it is not in the log.
    """

    correlation_id: str
    entries: list[TraceEntry]
    cut: bool = False
    behind: int | None = None
    journal: bool = False
