"""Consistency of reads with the view of memberships: a row is shown only by a view at least as new as the row, and a
rejection is re-checked against the log's end.
"""

from collections.abc import Awaitable, Callable

from core.commands.command_handler import no_pending_appends
from core.domain.conversation import Conversation, State
from core.domain.decision import Rejected
from core.ports.memberships import Memberships, NotReady


async def with_fresh_view(memberships: Memberships, view: Conversation, n: int) -> Conversation:
    """Return `view`, or a newer view of the conversation if it is older than change `n`. A view that has passed the
    log's end is the newest there is. Raises `NotReady` and `Unavailable`.
    """
    if n <= view.n:
        return view
    if not await memberships.wait_for(view.conversation_id, n):
        await memberships.prove(view.conversation_id)
    newer = await memberships.find(view.conversation_id)
    if newer is None:
        raise NotReady("the view of memberships is behind")
    return newer


async def with_recheck(
    memberships: Memberships,
    conversation_id: str,
    look: Callable[[State], Conversation],
    after_pending_appends: Callable[[], Awaitable[object]] = no_pending_appends,
) -> Conversation:
    """Return what `look` finds of a conversation. Its rejection is re-checked against the log's end;
    `after_pending_appends` returns when the session's earlier commands are durable, so that the end includes them.
    Raises `Rejected`, `NotReady` and `Unavailable`.
    """
    try:
        return look(await memberships.find(conversation_id))
    except Rejected:
        await after_pending_appends()
        await memberships.prove(conversation_id)
        return look(await memberships.find(conversation_id))
