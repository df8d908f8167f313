"""Events that record user actions: topics `user.action` and `audit.log`."""

from typing import Literal

from schemas.events.event_base import EventBase


class UserActed(EventBase, frozen=True, kw_only=True, tag="caas.user.action.v1"):
    """A user's action on their own view; `subject` names its object."""

    user_id: str
    action: str
    subject: str


class AuditRecorded(EventBase, frozen=True, kw_only=True, tag="caas.audit.log.v1"):
    """One line of the audit log: actor, action, entity and outcome, without content."""

    actor: str
    action: str
    entity_type: str
    entity_id: str
    outcome: Literal["success", "failure", "denied"]
    reason: str | None = None
