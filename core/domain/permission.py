"""Who may do what: plain rules over roles, in one place."""

from core.domain.conversation import Conversation


def may_delete(conversation: Conversation, sender: str, actor: str) -> bool:
    """Its sender, or an owner or admin of the group, withdraws a message for everyone."""
    return actor == sender or conversation.manages(actor)
