"""Nothing is shown by a view of who may read that is older than what is to be shown."""

from core.domain.conversation import Conversation
from core.ports.memberships import Memberships, NotReady


async def as_new_as(memberships: Memberships, view: Conversation, n: int) -> Conversation:
    """The conversation as `view` has it, or a newer view where that is older than its change `n`. Raises `NotReady`."""
    if n <= view.n:
        return view
    await memberships.wait_for(view.conversation_id, n)
    newer = memberships.get(view.conversation_id)
    if newer is None or newer.n < n:
        raise NotReady("the view of who may read this is behind")
    return newer
