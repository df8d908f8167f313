"""Permissions by role."""

from core.domain.conversation import Conversation


def may_delete(conversation: Conversation, sender: str, actor: str) -> bool:
    """Return whether the actor may delete a message for everyone: its sender, or an owner or admin above the sender."""
    return actor == sender or conversation.outranks(actor, sender)


def may_act_on(conversation: Conversation, user: str, actor: str) -> bool:
    """Return whether the actor may remove a user or set their role: the user themselves, or one who ranks above."""
    return actor == user or conversation.outranks(actor, user)
