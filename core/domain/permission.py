"""Who may do what: plain rules over roles, in one place."""

from core.domain.conversation import Conversation
from schemas.events import Role


def may_delete(conversation: Conversation, sender: str, actor: str) -> bool:
    """Its sender, or an owner or admin of the group, withdraws a message for everyone."""
    return actor == sender or conversation.manages(actor)


def may_let_in(conversation: Conversation, actor: str, role: Role) -> bool:
    """Owners and admins let people in; owners alone let in an owner."""
    return conversation.owns(actor) if role == "owner" else conversation.manages(actor)
