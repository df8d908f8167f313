"""World is the simulation of one seed: log, store, edge nodes, workers and users, through faults into calm."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from core.domain.conversation import Conversation
from core.health import Health
from core.ports.effects import Emitter
from edge.composition.compose import PROCESSORS, SAVED_WHOLE, processor
from projections.ephemeral.in_process import InProcessBus, InProcessNodeRegistry
from projections.ephemeral.known_nodes import KnownNodes
from projections.ephemeral.node_announcements import AnnouncedNodeRegistry
from projections.search.memory import MemorySearchIndex
from schemas import topics
from streams.log.memory import LogStorage
from streams.runtime.effects import LiveEmitter
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.processor import Processor
from streams.runtime.recent_pushes import RecentPushes
from streams.runtime.save_behind import SaveBehind
from streams.runtime.worker import Worker
from tests.simulation import fold, users, watch
from tests.simulation.edges import Asked, Command, Node
from tests.simulation.fleet import Group, Member
from tests.simulation.forgetting import ForgetfulDocuments
from tests.simulation.indexes import FlakyIndex, Older
from tests.simulation.leafing import Found, paged
from tests.simulation.loop import run
from tests.simulation.prompt import speak
from tests.simulation.screens import Screen
from tests.simulation.servers import FlakyBus, FlakyDocuments, FlakyLog, FlakyPresence
from tests.simulation.troubles import Troubles
from tests.simulation.users import PEOPLE, Talk
from tests.simulation.weather import Ledger, Process, Weather

CALM_S = 60.0
"""Virtual seconds within which everything must catch up."""


@dataclass(frozen=True)
class Parts:
    """The parts that a mutant may replace."""

    processor: Callable[[str, Any, Any, Emitter], Processor] | None = None
    documents: Callable[[Any], Any] | None = None
    node: Callable[[Any], None] = lambda _: None
    known: Callable[[Any], None] = lambda _: None
    behind: Callable[[Any], None] = lambda _: None


class World:
    """All parts of the simulation, and the observations."""

    def __init__(self, seed: int, parts: Parts) -> None:
        self.seed = seed
        self.chance = chance = random.Random(f"world {seed}")
        self.weather = Weather(
            chance=chance,
            slow=chance.choice((0.1, 0.3, 0.5)),
            long_s=chance.choice((0.1, 1.0, 4.0)),
            unavailable=chance.choice((0.0, 0.0, 0.01, 0.05)),
            unknown=chance.choice((0.0, 0.02, 0.1)),
            lost_hints=chance.choice((0.0, 0.0, 0.1)),
            lag_s=chance.choice((0.01, 0.01, 0.3, 3.0, 8.0)),
            forgets=chance.choice((0, 0, 3)),
        )
        self.parts = parts
        self.idle = random.Random(f"idle {seed}").choice((0, 20, 200_000))
        self.ledger = Ledger(LogStorage())
        self.ledger.on_put.append(self._landed)
        self.store = ForgetfulDocuments()
        self.index = MemorySearchIndex()
        self.older = Older(self.index)
        self.bus = InProcessBus()
        self.presence = InProcessNodeRegistry()
        self.broken: list[str] = []
        self.trace: list[str] = []
        self.watch = watch.Watch(self.store, self.ledger, self.complain)
        self.talk = Talk()
        self.asked: list[Asked] = []
        self.screens = {user: Screen(user) for user in PEOPLE}
        self.nodes: dict[str, Node] = {}
        self.groups: list[Group] = []
        self.plain: dict[str, tuple[PlainRunner, asyncio.Task[None], Process]] = {}
        self.paged: Found = {}
        self.viewed: dict[str, Mapping[str, Conversation]] = {}
        self.lives = 0

    def note(self, what: str) -> None:
        self.trace.append(f"{asyncio.get_running_loop().time():8.3f}  {what}")

    def complain(self, what: str) -> None:
        self.note(f"BROKEN {what}")
        self.broken.append(f"at {asyncio.get_running_loop().time():.3f} s: {what}")

    def _landed(self, topic: str) -> None:
        record = self.ledger.order[-1]
        event = fold.event_of(record)
        what = f"{event.type} {event.id} by {event.actor}" if event else "no event of ours"
        self.note(f"{topic} {record.partition} {record.offset}: {what}")

    # Building

    def documents(self, process: Process) -> Any:
        flaky = FlakyDocuments(self.store, self.weather, process, self.watch.saved)
        return self.parts.documents(flaky) if self.parts.documents else flaky

    def worker(self, name: str, process: Process, health: Health) -> Worker:
        documents = self.documents(process)
        if name not in SAVED_WHOLE and self.chance.random() < 0.75:
            documents = SaveBehind(documents, health, name)
            self.parts.behind(documents)
        log = FlakyLog(self.ledger, self.weather, process)
        emitter = watch.Watched(self.emitter(name, log, process, health), self.watch, process)
        index = FlakyIndex(self.index, self.weather, process)
        made = self.parts.processor(name, documents, index, emitter) if self.parts.processor else None
        return Worker(made or processor(name, documents, index), documents, emitter, health)

    def emitter(self, name: str, log: FlakyLog, process: Process, health: Health) -> LiveEmitter:
        """Return the emitter of a worker that knows the nodes, and follows what they announce."""
        bus = FlakyBus(self.bus, self.weather, process)
        known = KnownNodes(FlakyPresence(self.presence, self.weather, process), bus)
        self.parts.known(known)
        emitter = LiveEmitter(log, bus, known, health, name, recent=RecentPushes())
        known.subscribe(emitter.resend)
        self._doing(f"{process.name} nodes", known.follow())
        return emitter

    def start_node(self, name: str) -> None:
        self.lives += 1
        process = Process(f"{name}.{self.lives}")
        bus = FlakyBus(self.bus, self.weather, process)
        presence = FlakyPresence(self.presence, self.weather, process)
        self.nodes[name] = node = Node(
            name,
            ledger=self.ledger,
            log=FlakyLog(self.ledger, self.weather, process),
            documents=FlakyDocuments(self.store, self.weather, process, self.watch.saved),
            index=FlakyIndex(self.index, self.weather, process),
            bus=bus,
            presence=AnnouncedNodeRegistry(presence, bus, process.name),  # type: ignore[arg-type]
            process=process,
            complain=self.complain,
            idle=self.idle,
        )
        self.parts.node(node.node)
        node.start()

    def start_plain(self, name: str) -> None:
        self.lives += 1
        process, health = Process(f"{name}.{self.lives}"), Health()
        log = FlakyLog(self.ledger, self.weather, process)
        limit = 1000 if self.weather.calm else self.chance.randint(1, 12)
        runner = PlainRunner(self.worker(name, process, health), log, self.documents(process), health, limit)
        task = asyncio.get_running_loop().create_task(self._plainly(runner), name=process.name)
        self.plain[name] = runner, task, process

    async def _plainly(self, runner: PlainRunner) -> None:
        try:
            await runner.run(1)
        except Exception as error:
            self.complain(f"a plain runner died of {error!r}")

    def crash_plain(self, name: str) -> None:
        _, task, process = self.plain[name]
        process.dead = True
        task.cancel()

    async def build(self) -> None:
        for node in ("edge-a", "edge-b", "edge-c")[: self.chance.randint(2, 3)]:
            self.start_node(node)
        for name in PROCESSORS:
            if self.chance.random() < 0.15:
                self.start_plain(name)
                continue
            topics_read = processor(name, None, None).topics
            group = Group(name, topics_read, self.ledger, self.store, self.weather, self.complain)
            for number in range(1 if name in {"receipts", "search"} else self.chance.randint(2, 3)):
                build = lambda process, health, name=name: self.worker(name, process, health)  # noqa: E731
                group.members.append(Member(group, f"{name}-{number}", build))
            self.groups.append(group)
            for member in group.members:
                member.start()
            self._doing(f"{group.name} looks", group.look())

    # The schedule

    async def ask(self, command: Command, context: Any, retry: bool) -> Asked:
        node = self.some_node()
        asked = await node.ask(command, context, retry)
        self.asked.append(asked)
        self.note(f"{node.name} answers {context.actor} {asked.outcome}{' (retry)' if retry else ''}: {command}")
        return asked

    async def live(self) -> None:
        for number in range(2):
            self.ledger.put(users.room(number, self.talk))
        await self.build()
        await asyncio.sleep(1.0)
        chaos = [self._doing(f"trouble {n}", Troubles(self).come()) for n in range(2)]
        chaos += [self._doing(f"{user} looks", self.look(screen)) for user, screen in self.screens.items()]
        try:
            async with asyncio.TaskGroup() as people:
                for user in PEOPLE:
                    mine = random.Random(f"{user} {self.seed}")
                    turns = self.chance.randint(4, 7)
                    people.create_task(users.live(user, turns, self.talk, mine, self.ask), name=user)
        finally:
            for task in chaos:
                task.cancel()
        await self.settle()

    async def look(self, screen: Screen) -> None:
        """Move one client between nodes from time to time; at once if its node died."""
        while True:
            await self.move(screen)
            for _ in range(self.chance.randint(2, 20)):
                await asyncio.sleep(0.2)
                if screen.node is None or screen.node.process.dead:
                    break

    async def move(self, screen: Screen) -> None:
        node = self.some_node()
        if not node.process.dead:
            node.later(screen.connect(node))

    def some_node(self) -> Node:
        living = [name for name in sorted(self.nodes) if not self.nodes[name].process.dead]
        return self.nodes[self.chance.choice(living or sorted(self.nodes))]

    def _doing(self, name: str, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(coro, name=name)

    # The end

    async def settle(self) -> None:
        """Restart everything that is down, and wait until everything has caught up."""
        self.weather.calm = True
        self.weather.down.clear()
        await asyncio.sleep(1.0 + max(self.weather.long_s, self.weather.lag_s))
        for name in list(self.nodes):
            if self.nodes[name].process.dead:
                self.start_node(name)
        for group in self.groups:
            for member in group.members:
                if member.task is None:
                    member.start()
            group.rebalance()
        for name, (_, task, _) in list(self.plain.items()):
            if task.done():
                self.start_plain(name)
        deadline = asyncio.get_running_loop().time() + CALM_S
        while not self.caught_up():
            if asyncio.get_running_loop().time() > deadline:
                self.complain(f"after {CALM_S:.0f} s of calm not everything has caught up: {self.behind()}")
                return
            await asyncio.sleep(0.25)
        await self.heal()

    async def heal(self) -> None:
        """Half of the clients reconnect and sync again; the others stay, and must recover by themselves."""
        await asyncio.sleep(5.0)
        await speak(self)
        for screen in self.screens.values():
            if screen.client is None or screen.node is None or screen.node.process.dead or self.chance.random() < 0.5:
                screen.synced.clear()
                await self.move(screen)
                try:
                    async with asyncio.timeout(CALM_S):
                        await screen.synced.wait()
                except TimeoutError:
                    self.complain(f"law 12: {screen.user} syncs and never gets the end of it")
            else:
                screen.stayed = True
        await asyncio.sleep(1.0)
        await speak(self)
        await asyncio.sleep(1.0)
        self.viewed = {name: await node.viewed(self.ledger) for name, node in self.nodes.items()}
        self.paged = await paged(self.some_node(), sorted(self.screens), sorted(self.talk.rooms), self.chance)

    def behind(self) -> list[str]:
        plain = [name for name in self.plain if not self._plain_caught_up(name)]
        return plain + [group.name for group in self.groups if not group.caught_up]

    def caught_up(self) -> bool:
        return not self.behind()

    def _plain_caught_up(self, name: str) -> bool:
        runner = self.plain[name][0]
        places = topics.partitions(*processor(name, None, None).topics)
        ends = self.ledger.storage.end_offsets(places)
        marked, saved = runner._marked, self.store._checkpoints.get((name, 1), {})
        return all(
            min(known.get(at, 0) & ((1 << 48) - 1) for known in (marked, saved)) >= end
            for at, end in ends.items()
            if end
        )


def played(seed: int, parts: Parts | None = None) -> World:
    """Return the world of a seed after its schedule; `broken` has the errors found while it ran."""
    found: list[World] = []

    async def main() -> None:
        world = World(seed, parts or Parts())
        found.append(world)
        await world.live()

    run(seed, main)
    return found[0]
