# Generated from schemas/events/audit.py by `python -m schemas.export`: do not edit.
"""Events that record user actions: topics `user.action` and `audit.log`."""

from typing import Annotated

from msgspec import Meta

from ..audit_terms import ActorType, Classification, Outcome
from ..events.event_base import EventBase

__all__ = ["ActorType", "AuditRecorded", "Classification", "Outcome", "UserActed"]


class UserActed(EventBase, frozen=True, kw_only=True, tag="caas.user.action.v1"):
    """A user's action on their own view; `subject` names its object."""

    user_id: str
    action: str
    subject: str


class AuditRecorded(EventBase, frozen=True, kw_only=True, tag="caas.audit.log.v1"):
    """One line of the audit log: who did what to what, and how it ended; no content.

    `action` is a command (`message:send`), or what else is done to the system (`auth:login`, `audit:query`). `reason`
    is the error code of what did not succeed. `count` is above 1 where one record stands for several alike within a
    minute. The session, its device, the network address and the user agent are those of the actor, where known.
    `subjects` are the other users that it was done to, such as members who were added. `before` and `after` are hashes
    (`core.audit.change_hashes`) of what was changed; None where nothing was, or nobody knows. `reported_by` is the
    service outside of the system that says so.
    """

    actor: str
    action: str
    entity_type: str
    entity_id: str
    outcome: Outcome
    reason: str | None = None
    actor_type: ActorType = "user"
    conversation_id: str | None = None
    session: str | None = None
    device: str | None = None
    address: str | None = None
    agent: str | None = None
    purpose: str | None = None
    subjects: list[str] | None = None
    count: Annotated[int, Meta(ge=1, le=2**53 - 1)] = 1
    classification: Classification | None = None
    before: str | None = None
    after: str | None = None
    reported_by: str | None = None
