"""The users of one node: what happens in a user's own lane goes to all of their sessions, in order, each number once.

A push that is next is shown at once. For any other the lane is read from the store up to its head: what a push tells
was saved before it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from core.health import Health
from core.outages import REPEATS
from core.ports.event_log import Unavailable
from edge.socket.channels.jobs import Spawn
from edge.socket.channels.store_reads import StoreReads
from edge.socket.channels.subscriber import Subscriber
from edge.socket.channels.user_channel import UserChannel
from edge.socket.delivery.node_registration import NodeRegistration
from projections.inbox import inbox_rows
from projections.queries.lanes import Lanes
from schemas.wire.frames import Push

logger: Final = logging.getLogger("caas.hub")
PAGE: Final = 250
"""So many rows of either kind are read at one time."""


class UserChannels:
    """The users who have sessions on one node."""

    def __init__(
        self,
        lanes: Lanes,
        standing: NodeRegistration,
        turns: StoreReads,
        health: Health,
        *,
        spawn: Spawn,
        look_soon: Callable[[], None],
    ) -> None:
        self._lanes = lanes
        self._standing = standing
        self._turns = turns
        self._health = health
        self._spawn = spawn
        self._look_soon = look_soon
        self._users: dict[str, UserChannel] = {}
        self._named: dict[str, dict[str, UserChannel]] = {}

    @property
    def held(self) -> Iterable[str]:
        """What presence calls those who are here."""
        return self._users.keys()

    def seats(self, tenant: str, name: str) -> Iterable[Subscriber]:
        """The sessions of a user."""
        user = self._users.get(inbox_rows.channel_of(tenant, name))
        return () if user is None else user.seats

    def delivered(self, tenant: str, name: str) -> int:
        """How far the user's own lane was delivered here; 0 where nobody knows."""
        user = self._users.get(inbox_rows.channel_of(tenant, name))
        return 0 if user is None else user.last or user.start or 0

    # Pushes

    def deliver(self, push: Push) -> None:
        """A push of a user's lane."""
        user = self._users.get(push.conversation_id)
        if user is None:
            self._health.count("push_unwanted")
        elif user.last is not None and push.n <= user.last:
            self._health.count("push_duplicate")
        elif user.last == push.n - 1 and not user.healing and self._lanes.knows(push.model, push.generation):
            self._health.counted["delivered"] += user.show(push.n, push.frame)
        else:
            user.expects(push)
            self._begin(user)

    def hand(self, push: Push, tenant: str | None) -> None:
        """A receipt or an error, for one user alone. While it is not known whose conversation it is about (`tenant`),
        it is given to nobody where several tenants have a user of that name here.
        """
        here = list(self._named.get(push.to, {}).values())
        mine = here if tenant is None else [user for user in here if user.id == inbox_rows.channel_of(tenant, push.to)]
        if len(mine) > 1:
            self._health.count("push_early")
            return
        for user in mine:
            user.tell(push.frame)

    # Sessions

    def holds(self, seat: Subscriber) -> bool:
        """Whether a session of this user can come in at once."""
        user = self._users.get(_id(seat))
        return user is not None and user.opening is None

    async def open(self, seat: Subscriber) -> None:
        """Tell the processors that this user is here, and then see where the lane stands; or wait for who does that.
        Whether it `holds` them is to be asked again then.

        It does not wait for a store that is down: the lane is late then, as a channel is (see `Hub.attach`).
        """
        user = self._users.get(_id(seat))
        if user is None:
            await self._open(UserChannel(_id(seat), inbox_rows.key_of(seat.tenant, seat.user_id), seat.user_id))
        elif user.opening is not None:
            await asyncio.shield(user.opening)

    async def _open(self, user: UserChannel) -> None:
        user.opening = asyncio.get_running_loop().create_future()
        self._users[user.id] = user
        self._named.setdefault(user.name, {})[user.id] = user
        try:
            await self._standing.enter([user.id])
            user.last = (await self._lanes.own_heads([user.key]))[user.key]
        except Unavailable as error:
            logger.warning("%s opens without the head of its lane: %s", user.id, error, extra=REPEATS)
            self._look_soon()
        except BaseException:
            self._close(user)
            raise
        finally:
            user.opening.set_result(None)
            user.opening = None
        self._begin(user)

    def take(self, seat: Subscriber) -> None:
        """A session has come in."""
        self._users[_id(seat)].seats[seat] = None

    def detach(self, seat: Subscriber) -> None:
        """A session is over, or did not come in after all."""
        user = self._users.get(_id(seat))
        if user is not None:
            user.seats.pop(seat, None)
            if not user.seats and user.opening is None:
                self._close(user)

    def _close(self, user: UserChannel) -> None:
        user.closed = True
        del self._users[user.id]
        del self._named[user.name][user.id]
        if not self._named[user.name]:
            del self._named[user.name]
        self._standing.left(user.id)

    # Healing

    async def see_head(self, seat: Subscriber) -> None:
        """To be called before a `sync` reads the head: a late lane begins there or before. Raises `Unavailable`."""
        user = self._users.get(_id(seat))
        if user is not None and user.late and user.start is None:
            user.sees((await self._lanes.own_heads([user.key]))[user.key])

    async def heads(self) -> dict[str, int]:
        """The heads of all lanes here. Raises `Unavailable`."""
        keys = {user.id: user.key for user in self._users.values()}
        heads = await self._lanes.own_heads(keys.values())
        return {user: heads[key] for user, key in keys.items()}

    def behind(self, heads: Mapping[str, int]) -> dict[str, int]:
        """Of these heads, those that this node has not delivered; all those of late lanes, which now see them."""
        found = {}
        for key, head in heads.items():
            user = self._users.get(key)
            if user is None or user.opening is not None:
                continue
            user.sees(head)
            if user.last is None or user.last < head:
                found[key] = head
        return found

    def heal(self, key: str, head: int) -> None:
        """Deliver what no push brought, up to this head; a late lane begins with that."""
        if (user := self._users.get(key)) is not None:
            user.settle()
            user.goal = max(user.goal, head)
            self._begin(user)

    def _begin(self, user: UserChannel) -> None:
        """Read what is missing, unless somebody does, or nobody knows yet from where on."""
        if user.behind and not user.healing and not user.closed:
            user.healing = True
            self._spawn(f"channel {user.id}", self._work(user))

    async def _work(self, user: UserChannel) -> None:
        try:
            while user.behind and not user.closed:
                goal, user.goal = user.goal, 0
                await self._heal(user)
                if user.last is not None and user.last < goal:
                    self._health.count("push_hole")
                    logger.warning("%s goes on at %d, the store has %d", user.id, goal, user.last)
        except Unavailable:
            if not user.closed:
                raise
        finally:
            user.healing = False

    async def _heal(self, user: UserChannel) -> None:
        """Deliver the lane up to its head."""
        read, lanes, generation = self._turns.retry, self._lanes, user.generation
        await read(user, lambda: lanes.renew(inbox_rows.MODEL, generation))
        life = lanes.life
        head = (await read(user, lambda: lanes.own_heads([user.key])))[user.key]
        at, healed = user.last or 0, 0
        while at < head and not user.closed:
            own = await read(user, lambda: lanes.own_told(user.key, at, head, PAGE))  # noqa: B023
            if lanes.life != life:  # the rows up to that head may not be there
                self._look_soon()
                break
            for n, frame in own.told:
                healed += user.show(n, frame)
            at = user.last = own.upto
        if healed:
            self._health.count("healed", healed)
            logger.debug("healed the lane of %s up to %d", user.id, head)


def _id(seat: Subscriber) -> str:
    return inbox_rows.channel_of(seat.tenant, seat.user_id)
