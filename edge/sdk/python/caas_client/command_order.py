"""What must come one after the other: all that changes a conversation, in the order asked; a query waits for nothing.

A node may have to say `not_ready` to one command and accept the next; so the next goes out when the one before has its
answer. Commands of other conversations go out beside them.
"""

from typing import Any, Final, get_args

from .language.commands import NAME_OF
from .language.commands.queries import Query
from .language.commands.signals import Signal

_QUERIES: Final = frozenset(NAME_OF[command] for command in get_args(Query))
_SIGNALS: Final = frozenset(NAME_OF[command] for command in get_args(Signal))


def order_of(kind: str, data: dict[str, Any]) -> str | None:
    """The name of the order that a command is in; None: it is in none.

    A signal (typing, presence, `message:delivered`) is in an order of its kind, so that it holds back no message.
    """
    if kind in _QUERIES:
        return None
    conversation: str | None = data.get("conversation_id")
    return f"{kind.partition(':')[0]} {conversation or ''}" if kind in _SIGNALS else conversation
