# Generated from schemas/wire/audit_report.py by `python -m schemas.export`: do not edit.
"""What a service beside the system reports to the audit log over HTTP, and the answer."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ..audit_terms import ActorType, Classification, Outcome
from ..bounds import Uuid

REPORTS_PATH: Final = "/api/v1/audit/reports"
MAX_REPORTS: Final = 100
"""Maximum number of reports in one request."""
MAX_SUBJECTS: Final = 100
ACTION_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,31}:[a-z][a-z0-9_.-]{0,63}\Z"
ENTITY_TYPE_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,63}\Z"
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class AuditReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a service has done or is about to do, without content: who did what to what, and how it ended.

    `id` is the service's own; reports of one service with the same id are one record, the first. `action` is a name of
    the service's and of what it does, such as `media:downloaded`; names of the system's own actions are refused.
    `occurred_at` is RFC 3339 with an offset. Without `actor` the actor is the service, of the type `application`.
    `subjects` are other users that it was done to. `count` is above 1 where one report stands for several alike.
    """

    id: Uuid
    action: Annotated[str, Meta(pattern=ACTION_PATTERN)]
    entity_type: Annotated[str, Meta(pattern=ENTITY_TYPE_PATTERN)]
    entity_id: Name
    outcome: Outcome
    classification: Classification
    occurred_at: Annotated[datetime, Meta(tz=True)]
    actor: Name | None = None
    actor_type: ActorType = "user"
    reason: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    purpose: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    conversation_id: Uuid | None = None
    session: Name | None = None
    device: Name | None = None
    address: Name | None = None
    agent: Name | None = None
    subjects: Annotated[list[Name], Meta(max_length=MAX_SUBJECTS)] = []
    count: Annotated[int, Meta(ge=1, le=2**53 - 1)] = 1
    correlation_id: Uuid | None = None


class AuditReports(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reports of one service, which become records in this order."""

    reports: Annotated[list[AuditReport], Meta(min_length=1, max_length=MAX_REPORTS)]


class AuditReported(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of the records of all reports, in their order: all are durable."""

    ids: list[str]
