"""What is kept of who did what: topics `user.action` and `audit.log`."""

from typing import Literal

from schemas.events.event_base import EventBase


class UserActed(EventBase, frozen=True, kw_only=True, tag="caas.user.action.v1"):
    """Something one user did to their own view of things; `subject` names what it was done to."""

    user_id: str
    action: str
    subject: str


class AuditRecorded(EventBase, frozen=True, kw_only=True, tag="caas.audit.log.v1"):
    """One line of the audit log: who did what to what, and how it ended; no content."""

    actor: str
    action: str
    entity_type: str
    entity_id: str
    outcome: Literal["success", "failure", "denied"]
    reason: str | None = None
