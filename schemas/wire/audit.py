"""Queries of the audit log over HTTP, and their answers."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from schemas.events.audit import Outcome

AUDIT_PATH: Final = "/api/v1/audit"
TREE_PATH: Final = "/api/v1/audit/tree"
COUNTS_PATH: Final = "/api/v1/audit/counts"
CHECKPOINTS_PATH: Final = "/api/v1/audit/checkpoints"
MAX_RECORDS: Final = 1000
Text = Annotated[str, Meta(min_length=1, max_length=512)]


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records to return: those that have all the given values, `begin` <= time < `end` (RFC 3339, with an
    offset).

    `id` is that of one record. `subject` is a user who acted, or to whom something was done. `entity` is a type and an
    id, such as `message:ID`. `purpose` says why somebody looks; it is recorded. `up_to` is the number of the last
    record to consider: a query with the same one always has the same answer. `after` is the cursor of the page before.
    With `wait` the answer has what happened before the query, or is `not_ready`. With `proofs` each record has its
    inclusion proof in the tree of `up_to` leaves.
    """

    purpose: Annotated[str, Meta(min_length=3, max_length=300)]
    id: Text | None = None
    actor: Text | None = None
    subject: Text | None = None
    action: Text | None = None
    entity: Text | None = None
    conversation_id: Text | None = None
    outcome: Outcome | None = None
    correlation_id: Text | None = None
    begin: Annotated[datetime, Meta(tz=True)] | None = msgspec.field(default=None, name="from")
    end: Annotated[datetime, Meta(tz=True)] | None = msgspec.field(default=None, name="to")
    order: Literal["newest", "oldest", "number"] = "newest"
    limit: Annotated[int, Meta(ge=1, le=MAX_RECORDS)] = 100
    up_to: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    after: Annotated[str, Meta(max_length=200)] | None = None
    wait: bool = False
    proofs: bool = False


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record, its number in its tenant, from 1, and when the log got it (RFC 3339), if the log says so.

    It is leaf `n - 1` of the tenant's Merkle tree; `leaf_hash`, and the hashes of `proof` from below, are in hex.
    """

    n: int
    recorded_at: str | None
    leaf_hash: str
    record: dict[str, Any]
    proof: list[str] | None = None


class AuditTreeQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks for the tree of the first `size` records, of all where it is not given; `old` for the proof that it begins
    with that older tree. `wait` and `purpose` as in `AuditQuery`.
    """

    purpose: Annotated[str, Meta(min_length=3, max_length=300)]
    size: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    old: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    wait: bool = False


class AuditTree(msgspec.Struct, frozen=True, kw_only=True):
    """The Merkle tree of a tenant's records up to number `size`: its root in hex, the signed checkpoint that says
    so, and the hashes of the consistency proof, if it was asked for.
    """

    size: int
    root: str
    checkpoint: str
    consistency: list[str]


class AuditCountQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many records have all the given values, for each value of the fields that `by` lists: `begin` <= day < `end`,
    days of UTC such as 2026-11-20. `wait` and `purpose` as in `AuditQuery`.
    """

    purpose: Annotated[str, Meta(min_length=3, max_length=300)]
    by: Annotated[str, Meta(pattern=r"^(action|actor|day|outcome)(,(action|actor|day|outcome)){0,3}\Z")]
    actor: Text | None = None
    action: Text | None = None
    outcome: Outcome | None = None
    begin: date | None = msgspec.field(default=None, name="from")
    end: date | None = msgspec.field(default=None, name="to")
    wait: bool = False


class AuditCount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The values of the fields counted by, and how often they happened together, in how many records: one can stand for
    several alike.
    """

    day: str | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    count: int
    records: int


class AuditCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counts, sorted by the values of the fields of `by`. All records up to number `up_to` are in them."""

    counts: list[AuditCount]
    up_to: int


class AuditCheckpointQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks for the checkpoints that were kept, of trees with more than `after` records. `wait` and `purpose` as in
    `AuditQuery`.
    """

    purpose: Annotated[str, Meta(min_length=3, max_length=300)]
    after: Annotated[int, Meta(ge=-1, le=2**53)] = -1
    wait: bool = False


class AuditCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A signed checkpoint that was kept: the number of records, the root in hex, when it was signed (RFC 3339), where
    it says so, and the note itself.
    """

    size: int
    root: str
    signed_at: str | None
    note: str


class AuditCheckpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Some checkpoints, the smallest tree first, and the `after` of the next query, null where these are the last."""

    checkpoints: list[AuditCheckpoint]
    after: int | None


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some records in the order of the query, and the cursor of the next page, null on the last one.

    A page may have fewer records than asked for, even none, before the last one: the search of one page is bounded.
    `up_to` is the number of the last record that was considered.
    """

    records: list[AuditEntry]
    after: str | None
    up_to: int


class AuditAct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator has done or begins to do beside the running system, which records it: `entity` is a type and an
    id, such as `read_model:messages`. The actor of the record is the user of the request's token.
    """

    action: Annotated[str, Meta(pattern=r"^operator:[a-z_]{1,64}\Z")]
    entity: Annotated[str, Meta(pattern=r"^[a-z_]{1,64}:", max_length=512)]
    outcome: Outcome
    reason: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    purpose: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
