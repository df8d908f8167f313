"""Who may do what: plain rules over roles, in one place."""

from core.domain.conversation import Conversation


def may_delete(conversation: Conversation, sender: str, actor: str) -> bool:
    """Its sender, or an owner or admin of the group who stands above the sender, withdraws a message for everyone."""
    return actor == sender or conversation.outranks(actor, sender)


def may_act_on(conversation: Conversation, user: str, actor: str) -> bool:
    """Oneself, or whom one stands above, one shows out and gives a role."""
    return actor == user or conversation.outranks(actor, user)
