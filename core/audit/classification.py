"""The table of what each action concerns: personal data, content, administration or security."""

from typing import Final

from schemas.events.audit import Classification

ACTIONS: Final[dict[Classification, tuple[str, ...]]] = {
    "content": (
        "message:send",
        "message:forward",
        "message:edit",
        "message:delete",
        "message:pin",
        "message:unpin",
        "reaction:add",
        "reaction:remove",
        "operator:transcript",
    ),
    "personal_data": (
        "message:read",
        "message:delivered",
        "message:hide",
        "conversation:mute",
        "conversation:unmute",
        "conversation:archive",
        "conversation:unarchive",
        "conversation:pin",
        "conversation:unpin",
        "typing:start",
        "typing:stop",
        "presence:set",
        "presence:subscribe",
        "audit:query",
        "audit:counts",
        "trace:read",
        "operator:trace_scan",
    ),
    "administration": (
        "conversation:create",
        "conversation:update",
        "conversation:add-participants",
        "conversation:remove-participants",
        "conversation:set-role",
        "conversation:leave",
        "log:level",
        "operator:rebuild",
        "operator:rollback",
        "operator:log_adopt",
    ),
    "security": (
        "auth:login",
        "token:issue",
        "operator:token",
        "frame:refused",
        "audit:record",
        "audit:tree",
        "audit:checkpoints",
    ),
}
"""Every action of the system, by what it concerns."""
CLASSIFICATION_OF: Final = {action: found for found, actions in ACTIONS.items() for action in actions}
NAMESPACES: Final = frozenset(action.partition(":")[0] for action in CLASSIFICATION_OF)
"""What the names of the system's own actions begin with, and no other service's."""


def classification_of(action: str) -> Classification | None:
    """Return what an action concerns; None for one that no table has, such as an event that cannot be read."""
    return CLASSIFICATION_OF.get(action)
