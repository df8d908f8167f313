"""CurrentHeads reads heads for a sync: none is lower than what this node has delivered or the client has received.

A store that went back in time has older heads until its workers have caught up again. A client that is answered with
those takes its old position for the newest, and pushes in between are not repeated to a client that had them. So a
lower head is accepted only when the read model has passed the log's end.
"""

from collections.abc import Mapping, Sequence

from core.identity import Identity
from edge.socket.delivery.hub import Hub
from projections.conversations import conversation_rows
from projections.inbox import inbox_rows
from projections.messages import message_rows
from projections.queries.lanes import LaneHeads, Lanes
from projections.queries.store_trust import TOPICS_OF_MODEL
from schemas.topics import USER_ACTION
from schemas.wire.frames import LANES, USER


class CurrentHeads:
    """Reads heads for one node. Raises `NotReady` where a read model is behind, and `Unavailable`."""

    def __init__(self, lanes: Lanes, hub: Hub) -> None:
        self._lanes = lanes
        self._hub = hub

    async def of(self, keys: Sequence[str], given: Mapping[str, Mapping[str, int]]) -> dict[str, LaneHeads]:
        """Return the heads of these conversations. Positions in `given` that are still higher do not exist."""
        heads = await self._lanes.heads(keys)
        if any(self._lower(heads[key], key, given) for key in keys):
            await (
                self._lanes.refresh()
            )  # another node sent higher numbers: it may have learned of a switch before this one
            heads = await self._lanes.heads(keys)
        if behind := [key for key in keys if self._lower(heads[key], key, given)]:
            for model in (message_rows.MODEL, conversation_rows.MODEL):
                topics = TOPICS_OF_MODEL[model]
                await self._lanes.trust.wait_until_passed(model, [(topic, key) for topic in topics for key in behind])
            heads = await self._lanes.heads(keys)
        return heads

    async def of_user(self, who: Identity, given: int) -> int:
        """Return the head of the user lane, in the same way."""
        key = inbox_rows.key_of(who.tenant, who.user_id)
        user = self._hub.users.get(inbox_rows.channel_of(who.tenant, who.user_id))
        known = given if user is None else max(given, user.positions.get(USER, 0))
        head = (await self._lanes.user_heads([key]))[key]
        if head < known:
            await self._lanes.refresh()
            head = (await self._lanes.user_heads([key]))[key]
        if head < known:
            await self._lanes.trust.wait_until_passed(inbox_rows.MODEL, [(USER_ACTION, who.user_id)])
            head = (await self._lanes.user_heads([key]))[key]
        return head

    def _lower(self, heads: LaneHeads, key: str, given: Mapping[str, Mapping[str, int]]) -> bool:
        channel = self._hub.conversations.get(key)
        known = {} if channel is None else channel.positions, given.get(key, {})
        return any(heads[lane] < n for lanes in known for lane, n in lanes.items() if lane in LANES)
