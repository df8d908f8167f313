"""Measures searches of users among many messages, alone and beside a busy user at the rate limit, in one process.

`python -m edge.tools.bench.searching SPEC` fills the read model and the index, not the log, and prints the result.
"""

import asyncio
import contextlib
import itertools
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import uvloop

from core import settings
from core.clock import SystemClock
from core.health import Health
from core.identity import Identity
from core.ports.documents import Changes, TableGeneration, Write
from core.ports.search_index import Entry, SearchTimeout
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.process.background import background
from edge.tools.bench import spec
from edge.tools.bench.measure import quantile
from edge.tools.bench.spec import Searched, Searches
from edge.tools.bench.world import World, append_all
from projections.generations import Generations
from projections.messages import message_rows
from projections.messages.reader import MessageReader
from projections.progress import Progress
from projections.queries.conversation import ConversationQueries
from projections.queries.inboxes import Inboxes
from projections.queries.lanes import Lanes
from projections.queries.search import MessageSearch
from projections.queries.search_scope import SearchScope
from projections.queries.store_trust import StoreTrust
from projections.receipts.cursors import CursorReader
from projections.search import search_documents
from schemas.commands.queries import SearchMessages
from schemas.envelope import Record
from streams.memberships.membership_tail import MembershipTail

BATCH_SIZE: Final = 5_000
WORDS: Final = 30_000
CONVERSATIONS: Final = 10_000
PEOPLE: Final = 50
CIRCLE: Final = 30
"""Number of conversations of each user."""
BUSY_CIRCLE: Final = 300
BUSY: Final = "busy"
FROM_MS: Final = 1_700_000_000_000
SEARCH_INTERVAL_S: Final = 0.05
WARM_S: Final = 3.0
PER_MIN: Final = 30
"""Searches per minute of one user, the default of the settings."""
HAN: Final = "今天下午我們在台北開會討論上海的新計劃請大家準備資料"


class Talk:
    """Generates messages and queries: word frequencies as in a language, the first conversations the busiest."""

    def __init__(self, world: World, seed: int = 7) -> None:
        self._world = world
        self.chance = random.Random(seed)  # noqa: S311 - to measure with
        letters = "etaoinshrdlu"
        self.words = ["".join(one) for one in itertools.islice(_spelled(letters), WORDS)]
        self._weights = list(itertools.accumulate(1 / (n + 1) for n in range(WORDS)))
        self.rooms = [world.conversation_id(f"search-{n}") for n in range(CONVERSATIONS)]
        self.people = [f"person-{n}" for n in range(PEOPLE)]
        self.members: dict[int, list[str]] = {n: [BUSY] for n in range(BUSY_CIRCLE)}
        for person in self.people:
            for n in self.chance.sample(range(CONVERSATIONS), CIRCLE):
                self.members.setdefault(n, []).append(person)

    def begun(self) -> list[Record]:
        """Return the records that create the conversations of all searching users."""
        return [self._world.begun(f"search-{n}", users)[1] for n, users in sorted(self.members.items())]

    def said(self, count: int) -> Iterator[list[tuple[Entry, Write]]]:
        """Yield `count` messages in batches: each as an entry of the index and as a row of the read model."""
        sequences = dict[int, int]()
        for start in range(0, count, BATCH_SIZE):
            yield [self._message(n, sequences) for n in range(start, min(count, start + BATCH_SIZE))]

    def _message(self, n: int, sequences: dict[int, int]) -> tuple[Entry, Write]:
        room = int(self.chance.random() ** 2 * CONVERSATIONS)
        sequences[room] = seq = sequences.get(room, 0) + 1
        where, text, sender = self.rooms[room], self._text(), self.people[n % PEOPLE]
        key = f"{self.chance.getrandbits(128):032x}"
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(FROM_MS / 1000 + n))
        facet: dict[str, Any] = {"pos": n + 1, "n": seq, "id": key, "sender": sender, "client_msg_id": f"{n}"}
        facet |= {"text": text, "reply_to": None, "conversation_n": 1, "at": at, "correlation_id": key}
        entry = Entry(key, n + 1, self._world.tenant, where, text, sender, n, search_documents.order_of(at, n))
        return entry, Write(key, {"tenant": self._world.tenant, "conversation_id": where}, {"sent": facet})

    def _text(self) -> str:
        if self.chance.random() < 0.05:
            start = self.chance.randrange(len(HAN) - 8)
            return HAN[start : start + 8]
        return " ".join(self.some(self.chance.randint(3, 17)))

    def some(self, count: int) -> list[str]:
        """Return `count` random words by their frequencies."""
        return self.chance.choices(self.words, cum_weights=self._weights, k=count)

    def question(self) -> SearchMessages:
        """Return a typical query: mostly a few words, sometimes a prefix or two Han characters."""
        kind = self.chance.random()
        if kind < 0.1:
            start = self.chance.randrange(len(HAN) - 8)
            return SearchMessages(text=HAN[start : start + 2])
        if kind < 0.3:
            return SearchMessages(text=self.some(1)[0][:4], prefix=True)
        return SearchMessages(text=" ".join(self.some(self.chance.randint(1, 3))))

    def hard_question(self) -> SearchMessages:
        """Return an expensive query: common words that rarely occur together, and the most common prefixes."""
        count = self.chance.choice((1, 2, 4, 8, 16, 31))
        words = [*self.words[:count], self.chance.choice(("et", "ta", "e" * 2, "zz"))]
        return SearchMessages(text=" ".join(words), prefix=True, limit=200)


def _spelled(letters: str) -> Iterator[tuple[str, ...]]:
    for length in itertools.count(2):
        yield from itertools.product(letters, repeat=length)


class Live(Generations):
    """Generations of which the given one is always live."""

    def __init__(self, found: Adapters, generation: int) -> None:
        super().__init__(found.documents, ())
        self._generation = generation

    def live(self, model: str) -> int:  # noqa: ARG002 - of every model
        """Return the given generation."""
        return self._generation


async def filled(found: Adapters, talk: Talk, generation: int, count: int) -> None:
    """Put the messages into the index, and those that a searching user may read into the read model."""
    read, rows = {talk.rooms[n] for n in talk.members}, TableGeneration(message_rows.ROWS, generation)
    await found.documents.prepare(
        [TableGeneration(table, generation) for table in (message_rows.ROWS, message_rows.HEADS)]
    )
    token = await found.index.begin(generation)
    for batch in talk.said(count):
        await found.documents.save(
            Changes([(rows, [row for _, row in batch if row.fixed["conversation_id"] in read])], [])
        )
        await found.index.put(generation, [entry for entry, _ in batch])
    await found.index.complete(generation, token, {})
    await found.index.refresh(generation)


async def searching(found: Adapters, generation: int) -> tuple[MessageSearch, MembershipTail]:
    """Return a node's search over these adapters, and its membership tail, which the caller must run."""
    generations, health = Live(found, generation), Health()
    memberships = MembershipTail(found.log, found.documents, health)
    progress = Progress(found.documents, generations, found.log)
    lanes = Lanes(found.documents, generations, StoreTrust(found.documents, generations, progress, health))
    reader = MessageReader(found.documents, generations, found.log)
    inboxes = Inboxes(found.documents, generations, memberships, SystemClock())
    cursors = CursorReader(found.documents, generations)
    queries = ConversationQueries(memberships=memberships, lanes=lanes, reader=reader, inboxes=inboxes, cursors=cursors)
    made = MessageSearch(
        require_ever_member=queries.require_ever_member,
        memberships=memberships,
        scope=SearchScope(memberships, lanes, reader),
        reader=reader,
        inboxes=inboxes,
        generations=generations,
        index=found.index,
    )
    return made, memberships


async def logged_in(memberships: MembershipTail, talk: Talk, tenant: str) -> None:
    """Load the conversations of all users, as their sessions would."""
    while not memberships.fresh:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.1)
    for user in (*talk.people, BUSY):
        await memberships.follow(tenant, user)


async def people(made: MessageSearch, talk: Talk, tenant: str, seconds: float) -> list[float]:
    """Return the times in milliseconds of searches at an even interval, each from its due time; timeouts count too."""
    times, tasks, began = list[float](), list[asyncio.Task[None]](), time.perf_counter()

    async def ask(due: float) -> None:
        with contextlib.suppress(SearchTimeout):
            await made.search(Identity(tenant, talk.chance.choice(talk.people), 0.0), talk.question())
        times.append((time.perf_counter() - due) * 1000)

    for n in range(int(seconds / SEARCH_INTERVAL_S)):
        due = began + n * SEARCH_INTERVAL_S
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(due)))
    await asyncio.gather(*tasks)
    return times


async def busy(made: MessageSearch, talk: Talk, tenant: str, times: list[float]) -> None:
    """Search as the busy user: the allowed burst at once, page after page, then at the rate limit."""
    question, after, count = talk.hard_question(), None, 0
    while True:
        if (count := count + 1) > PER_MIN:
            await asyncio.sleep(60 / PER_MIN)
        began = time.perf_counter()
        try:
            who, about = Identity(tenant, BUSY, 0.0), msgspec.structs.replace(question, after=after)
            after = (await made.search(who, about)).after
        except SearchTimeout:
            after = None
        times.append((time.perf_counter() - began) * 1000)
        if after is None:
            question = talk.hard_question()


async def measured(made: MessageSearch, talk: Talk, tenant: str, seconds: float) -> tuple[Sequence[float], ...]:
    """Return the times of the users alone, beside the busy user, and of the busy user."""
    alone, times = await people(made, talk, tenant, seconds), list[float]()
    async with background(("busy", busy(made, talk, tenant, times))):
        beside = await people(made, talk, tenant, seconds)
    return alone, beside, times


async def main(what: Searches) -> None:
    """Fill, measure, and drop the filled tables and index."""
    world, generation = World(), 1_000 + secrets.randbelow(1 << 30)
    talk = Talk(world)
    async with compose.opened(compose.adapters(settings.load(), "caas-bench")) as found:
        await append_all(found.log, talk.begun())
        began = time.perf_counter()
        await filled(found, talk, generation, what.messages)
        filled_s = time.perf_counter() - began
        made, memberships = await searching(found, generation)
        following = asyncio.create_task(memberships.run())
        await logged_in(memberships, talk, world.tenant)
        try:
            await people(made, talk, world.tenant, WARM_S)
            before = time.process_time()
            alone, beside, hard = await measured(made, talk, world.tenant, what.seconds)
            cpu_ms = (time.process_time() - before) * 1000
        finally:
            following.cancel()
            await asyncio.wait([following])
            await found.index.drop(generation)
            await found.documents.drop(
                [TableGeneration(table, generation) for table in (message_rows.ROWS, message_rows.HEADS)]
            )
    spec.say(
        Searched(
            messages=what.messages,
            filled_s=round(filled_s, 1),
            searches=len(beside),
            cpu_ms=round(cpu_ms / (len(alone) + len(beside) + len(hard)), 2),
            alone_p50_ms=round(quantile(list(alone), 0.5), 1),
            alone_p99_ms=round(quantile(list(alone), 0.99), 1),
            beside_p50_ms=round(quantile(list(beside), 0.5), 1),
            beside_p99_ms=round(quantile(list(beside), 0.99), 1),
            busy_searches=len(hard),
            busy_p50_ms=round(quantile(list(hard), 0.5), 1),
            busy_p99_ms=round(quantile(list(hard), 0.99), 1),
        )
    )


if __name__ == "__main__":
    uvloop.run(main(spec.given(Searches)))
