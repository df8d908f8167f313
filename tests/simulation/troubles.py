"""The faults of a world: workers and nodes crash and restart, partitions move, servers go down, foreign records."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from edge.composition.compose import PROCESSORS
from schemas import topics
from schemas.envelope import Record
from tests.simulation import watch
from tests.simulation.fleet import Member

if TYPE_CHECKING:
    from tests.simulation.world import World

LITTERED = frozenset(
    {
        topics.MESSAGE_SENT,
        topics.MESSAGE_EDITED,
        topics.MESSAGE_DELETED,
        topics.USER_ACTION,
        topics.CONVERSATION_UPDATED,
    }
)


class Troubles:
    """One source of faults in a world."""

    def __init__(self, world: "World") -> None:
        self.world = world

    async def come(self) -> None:
        """Cause random faults, each at a random step of a random moment."""
        kinds: Sequence[tuple[int, Callable[[], None]]] = (
            (8, self.crash_worker),
            (6, self.rebalance),
            (1, self.crash_node),
            (3, self.outage),
            (2, self.litter),
            (1, self.lose_index),
            (4, self.echo),
            (self.world.weather.forgets, self.forget),
        )
        weights = [weight for weight, _ in kinds]
        while True:
            await asyncio.sleep(self.world.chance.random() * 0.4)
            for _ in range(self.world.chance.randint(0, 8)):
                await asyncio.sleep(0)
            what = self.world.chance.choices(kinds, weights)[0][1]
            self.world.note(what.__name__.replace("_", " "))
            what()

    def later(self, most: float, do: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(self.world.chance.random() * most, do, *args)

    def crash_worker(self) -> None:
        name = self.world.chance.choice(PROCESSORS)
        if name in self.world.plain:
            self.world.crash_plain(name)
            self.later(1.0, self.world.start_plain, name)
            return
        group = next(group for group in self.world.groups if group.name == name)
        living = [member for member in group.members if member.task is not None]
        if living:
            member = self.world.chance.choice(living)
            member.crash()
            self.later(0.5, group.rebalance)
            self.later(1.5, self.revive, member)

    def revive(self, member: Member) -> None:
        if member.task is None:
            member.start()

    def rebalance(self) -> None:
        if self.world.groups:
            self.world.chance.choice(self.world.groups).rebalance()

    def crash_node(self) -> None:
        name = self.world.chance.choice(sorted(self.world.nodes))
        if not self.world.nodes[name].process.dead:
            self.world.nodes[name].crash()
            self.later(1.0, self.world.start_node, name)

    def outage(self) -> None:
        server = self.world.chance.choice(("log", "documents", "documents", "index", "bus"))
        self.world.weather.down.add(server)
        self.later(1.0, self.world.weather.down.discard, server)

    def forget(self) -> None:
        """Let the store lose its last saves, while processes are working."""
        many = self.world.store.forget(self.world.chance.randint(1, 20))
        self.world.watch.forgot()
        self.world.note(f"the store has forgotten {many} saves")

    def lose_index(self) -> None:
        """Delete the search index, or restore an older one."""
        self.world.note(f"the index is {self.world.older.lose(self.world.chance)}")

    def litter(self) -> None:
        """Append a foreign record, or one that cannot be decoded."""
        self.world.ledger.put(watch.litter(self.world.chance, self.world.talk.rooms, self.world.talk.key()))

    def echo(self) -> None:
        """Append an old record again, like a producer without idempotence."""
        old = [record for record in self.world.ledger.order if record.topic in LITTERED]
        if old:
            found = self.world.chance.choice(old)
            self.world.ledger.put(Record(found.topic, found.key, found.value, found.headers))
