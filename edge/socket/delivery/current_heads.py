"""Heads that a sync may answer with: none says less than this node has delivered, or than the client has been sent.

A store that went back in time has older heads until its workers have brought it up again. Who were answered with those
would take the place they are at for the newest, and the pushes in between are repeated to nobody who had them. So less
is believed only when the read model has passed the log's end.
"""

from collections.abc import Mapping, Sequence

from core.identity import Identity
from edge.socket.delivery.hub import Hub
from projections.conversations import conversation_rows
from projections.inbox import inbox_rows
from projections.messages import message_rows
from projections.queries.lanes import LaneHeads, Lanes
from projections.queries.store_trust import READ
from schemas.topics import USER_ACTION
from schemas.wire.frames import LANES


class CurrentHeads:
    """Reads heads for one node. Raises `NotReady` where a read model is behind, and `Unavailable`."""

    def __init__(self, lanes: Lanes, hub: Hub) -> None:
        self._lanes = lanes
        self._hub = hub

    async def of(self, keys: Sequence[str], given: Mapping[str, Mapping[str, int]]) -> dict[str, LaneHeads]:
        """The heads of these conversations; where a client's positions in `given` say more than that, they are more
        than there is.
        """
        heads = await self._lanes.heads(keys)
        if any(self._less(heads[key], key, given) for key in keys):
            await self._lanes.refresh()  # another node told more: it may have heard of a switch before us
            heads = await self._lanes.heads(keys)
        if behind := [key for key in keys if self._less(heads[key], key, given)]:
            for model in (message_rows.MODEL, conversation_rows.MODEL):
                topics = READ[model]
                await self._lanes.trust.passed(model, [(topic, key) for topic in topics for key in behind])
            heads = await self._lanes.heads(keys)
        return heads

    async def of_user(self, who: Identity, given: int) -> int:
        """The head of the user's own lane, in the same way."""
        key = inbox_rows.key_of(who.tenant, who.user_id)
        known = max(given, self._hub.users.delivered(who.tenant, who.user_id))
        head = (await self._lanes.own_heads([key]))[key]
        if head < known:
            await self._lanes.refresh()
            head = (await self._lanes.own_heads([key]))[key]
        if head < known:
            await self._lanes.trust.passed(inbox_rows.MODEL, [(USER_ACTION, who.user_id)])
            head = (await self._lanes.own_heads([key]))[key]
        return head

    def _less(self, heads: LaneHeads, key: str, given: Mapping[str, Mapping[str, int]]) -> bool:
        channel = self._hub.channel(key)
        known = ({} if channel is None else channel.last or channel.start), given.get(key, {})
        return any(heads[lane] < n for lanes in known for lane, n in lanes.items() if lane in LANES)
