"""Costs of commands in `user_commands_per_s`: about their work for a node and its stores as a multiple of a send."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.commands.queries import GetConversation, History, ListConversations, SearchMessages, Sync, Thread

COST_OF: Final[Mapping[type, int]] = MappingProxyType(
    {GetConversation: 2, History: 2, Thread: 2, ListConversations: 4, SearchMessages: 5, Sync: 5}
)
"""Every other command costs 1."""


def cost_of(command: object) -> int:
    """Return the cost of this command."""
    return COST_OF.get(type(command), 1)
