"""Nothing is shown by a view of who may read that is older than what is to be shown, and no no is said by one that
has not passed the log's end.
"""

from collections.abc import Awaitable, Callable

from core.commands.command_handler import nothing_before
from core.domain.conversation import Conversation, State
from core.domain.decision import Rejected
from core.ports.memberships import Memberships, NotReady


async def with_fresh_view(memberships: Memberships, view: Conversation, n: int) -> Conversation:
    """The conversation as `view` has it, or a newer view where that is older than its change `n`: one that has passed
    the log's end is as new as there is any. Raises `NotReady` and `Unavailable`.
    """
    if n <= view.n:
        return view
    if not await memberships.wait_for(view.conversation_id, n):
        await memberships.prove(view.conversation_id)
    newer = memberships.get(view.conversation_id)
    if newer is None:
        raise NotReady("the view of who may read this is behind")
    return newer


async def proved(
    memberships: Memberships,
    conversation_id: str,
    look: Callable[[State], Conversation],
    settled: Callable[[], Awaitable[object]] = nothing_before,
) -> Conversation:
    """What `look` finds of a conversation. Its no is proved; `settled` returns when what the same session asked before
    is durable, which the log's end counts only then. Raises `Rejected`, `NotReady` and `Unavailable`.
    """
    try:
        return look(memberships.get(conversation_id))
    except Rejected:
        await settled()
        await memberships.prove(conversation_id)
        return look(memberships.get(conversation_id))
