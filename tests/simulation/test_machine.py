"""Hypothesis drives a world step by step: users at several nodes, lost pushes, retries, broken lines, killed nodes.

At the end everything recovers, and then the laws hold: the view of each client, built from pushes and syncs, equals the
read models, and these equal the log. A failure shrinks to few steps.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from core.domain.decision import Context
from schemas.commands.conversation import AddParticipants, RemoveParticipants
from schemas.commands.inbox import HideMessage, ReadMessages
from schemas.commands.message import AddReaction, DeleteMessage, EditMessage, SendMessage
from tests.simulation import users
from tests.simulation.edges import Asked, Command
from tests.simulation.laws import broken
from tests.simulation.loop import SeededLoop
from tests.simulation.troubles import Troubles
from tests.simulation.users import PEOPLE, TENANT
from tests.simulation.world import Parts, World

person = st.sampled_from(PEOPLE)
any_number = st.integers(0, 1 << 16)


class People(RuleBasedStateMachine):
    """Each rule is one event; the world runs for a moment after it."""

    @initialize(seed=any_number)
    def begin(self, seed: int) -> None:
        logging.disable(logging.CRITICAL)
        self.loop = SeededLoop(seed)  # type: ignore[abstract]
        self.world: World
        self.last: list[Asked] = []
        self.run(lambda: self._begun(seed))

    async def _begun(self, seed: int) -> None:
        self.world = World(seed, Parts())
        for number in range(2):
            self.world.ledger.put(users.room(number, self.world.talk))
        await self.world.build()
        await self._passes(1.0)
        for screen in self.world.screens.values():
            await self.world.move(screen)

    def run(self, step: Callable[[], Awaitable[Any]]) -> None:
        self.loop.run_until_complete(step())

    async def _passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    # Actions of users

    def ask(self, user: str, command: Command, *, wait: bool) -> None:
        """Send a command to a node; without `wait` the next step runs meanwhile."""
        context = Context(TENANT, user, "2026-11-20T09:30:00.000Z", self.world.talk.key())
        users.announce(command, context, self.world.talk)

        async def asking() -> None:
            self.last.append(await self.world.ask(command, context, False))

        async def step() -> None:
            task = self.loop.create_task(asking(), name=f"{user} asks")
            if wait:
                await task
            await self._passes(0.0)

        self.run(step)

    def _room(self, number: int) -> str:
        rooms = self.world.talk.rooms
        return rooms[number % len(rooms)]

    def _said(self, number: int) -> dict[str, str]:
        said = self.world.talk.said
        where, message = said[-1 - number % len(said)]
        return {"conversation_id": where, "message_id": message}

    @rule(user=person, number=any_number, wait=st.booleans())
    def sends(self, user: str, number: int, wait: bool) -> None:
        key = self.world.talk.key()
        text = f"hello @{PEOPLE[number % len(PEOPLE)]}"
        self.ask(user, SendMessage(conversation_id=self._room(number), client_msg_id=key, text=text), wait=wait)

    @precondition(lambda self: self.world.talk.said)
    @rule(user=person, number=any_number, wait=st.booleans())
    def edits(self, user: str, number: int, wait: bool) -> None:
        key = self.world.talk.key()
        self.ask(user, EditMessage(**self._said(number), text=f"edit {key}", client_key=key), wait=wait)

    @precondition(lambda self: self.world.talk.said)
    @rule(user=person, number=any_number)
    def deletes(self, user: str, number: int) -> None:
        self.ask(user, DeleteMessage(**self._said(number)), wait=True)

    @precondition(lambda self: self.world.talk.said)
    @rule(user=person, number=any_number)
    def reacts(self, user: str, number: int) -> None:
        key = self.world.talk.key()
        self.ask(user, AddReaction(**self._said(number), emoji="👍", client_key=key), wait=False)

    @precondition(lambda self: self.world.talk.said)
    @rule(user=person, number=any_number)
    def hides(self, user: str, number: int) -> None:
        self.ask(user, HideMessage(**self._said(number)), wait=True)

    @rule(user=person, number=any_number, seq=st.integers(0, 20))
    def reads(self, user: str, number: int, seq: int) -> None:
        self.ask(user, ReadMessages(conversation_id=self._room(number), seq=seq), wait=False)

    @precondition(lambda self: self.world.talk.said)
    @rule(user=person, number=any_number, seq=st.integers(0, 20))
    def reads_a_thread(self, user: str, number: int, seq: int) -> None:
        said = self._said(number)
        command = ReadMessages(conversation_id=said["conversation_id"], seq=seq, thread=said["message_id"])
        self.ask(user, command, wait=False)

    @rule(user=person, other=person, number=any_number, into=st.booleans())
    def lets_in_or_shows_out(self, user: str, other: str, number: int, into: bool) -> None:
        kind = AddParticipants if into else RemoveParticipants
        key = self.world.talk.key()
        self.ask(user, kind(conversation_id=self._room(number), participants=[other], client_key=key), wait=True)

    @rule(user=person, number=any_number)
    def does_anything(self, user: str, number: int) -> None:
        self.ask(user, users.choose(user, self.world.talk, random.Random(number)), wait=False)

    @precondition(lambda self: self.last)
    @rule(number=any_number, retry=st.booleans())
    def asks_again(self, number: int, retry: bool) -> None:
        asked = self.last[number % len(self.last)]

        async def step() -> None:
            self.last.append(await self.world.ask(asked.command, asked.context, retry))

        self.run(step)

    # Faults

    @rule(user=person)
    def comes_elsewhere(self, user: str) -> None:
        self.run(lambda: self.world.move(self.world.screens[user]))

    @rule(user=person)
    def loses_the_line(self, user: str) -> None:
        async def step() -> None:
            self.world.screens[user].disconnect()

        self.run(step)

    @rule(user=person.filter(lambda name: name != PEOPLE[0]), number=any_number)
    def is_out_while_something_changes(self, user: str, number: int) -> None:
        owner, here = PEOPLE[0], self._room(number % 2)
        key = self.world.talk.key()
        self.ask(owner, SendMessage(conversation_id=here, client_msg_id=key, text="before"), wait=True)
        said = self._said(0)
        self.time_passes(3.0)
        gone = RemoveParticipants(conversation_id=here, participants=[user], client_key=f"{key} out")
        self.ask(owner, gone, wait=True)
        self.time_passes(3.0)
        self.comes_elsewhere(user)
        self.time_passes(0.3)
        self.ask(owner, EditMessage(**said, text="after", client_key=f"{key} edit"), wait=True)
        back = AddParticipants(conversation_id=here, participants=[user], client_key=f"{key} back")
        self.ask(owner, back, wait=True)

    @rule(share=st.sampled_from((0.0, 0.2, 0.8)))
    def pushes_are_lost(self, share: float) -> None:
        self.world.weather.lost_hints = share

    @rule(what=st.sampled_from(("crash_node", "crash_worker", "rebalance", "outage", "echo", "litter")))
    def goes_wrong(self, what: str) -> None:
        async def step() -> None:
            getattr(Troubles(self.world), what)()
            await self._passes(0.0)

        self.run(step)

    @rule(seconds=st.sampled_from((0.01, 0.3, 3.0)))
    def time_passes(self, seconds: float) -> None:
        self.run(lambda: self._passes(seconds))

    def settled(self) -> list[str]:
        """Recover everything, and end the world. Return the broken laws."""
        try:
            self.run(self.world.settle)
            return broken(self.world)
        finally:
            self.loop.run_until_complete(self.loop._end())
            logging.disable(logging.NOTSET)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        found = self.settled()
        assert not found, "\n".join([*self.world.trace[-40:], *found])


TestPeople = People.TestCase
TestPeople.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
