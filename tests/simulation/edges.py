"""Edge nodes: each folds memberships itself, decides, appends, answers; any of them may die with commands in flight."""

import asyncio
from asyncio import Task
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.domain.decision import Context, Rejected
from core.handle import Append, Handler
from core.health import Health
from core.patience import patiently
from core.ports.event_log import OutcomeUnknown, Unavailable
from core.ports.memberships import NotReady
from edge.socket.repeats import Repeats
from projections import messages
from projections.generations import Generations
from projections.reader import MessageReader
from schemas.commands import ConversationCommand, MessageCommand
from schemas.envelope import Record
from schemas.topics import CONVERSATION_UPDATED, partition_of
from streams.memberships import MembershipTail
from tests.simulation.weather import FlakyDocuments, FlakyLog, Ledger, Process

Command = MessageCommand | ConversationCommand
AGAIN = frozenset({"not_ready", "unavailable", "outcome_unknown", "lost"})
"""Answers after which a client repeats its command."""


@dataclass(eq=False)
class Asked:
    """One command asked once: what the log held then (`asked`, a count of records) and when it was answered."""

    edge: str
    command: Command
    context: Context
    retry: bool
    asked: int
    answered: int = 0
    outcome: str = "lost"
    event_id: str = ""
    reply: dict[str, Any] = field(default_factory=dict)
    behind_s: float = 0.0


class Node:
    """One edge node of the simulation."""

    def __init__(
        self, name: str, ledger: Ledger, log: FlakyLog, documents: FlakyDocuments, process: Process, complain: Callable[[str], None]
    ) -> None:
        self.name = name
        self.process = process
        self._ledger = ledger
        self._log = log
        self._complain = complain
        self.tail = MembershipTail(log, Health())
        self._handler = Handler(
            self.tail, MessageReader(documents, Generations(documents, (messages.MODEL,)), log), f"/edge/{name}"
        )
        self._repeats = Repeats()
        self._asking: dict[Task[None], None] = {}
        self._running: Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.get_running_loop().create_task(self._run(), name=self.process.name)

    async def _run(self) -> None:
        await patiently("memberships", self.tail.run, Health())

    def crash(self) -> None:
        self.process.dead = True
        for task in (self._running, *self._asking):
            if task is not None:
                task.cancel()

    async def ask(self, command: Command, context: Context, retry: bool) -> Asked:
        """What the client hears, or `lost`."""
        asked = Asked(self.name, command, context, retry, self._ledger.moment)
        if not self.process.dead:
            task = asyncio.get_running_loop().create_task(self._answer(asked), name=f"{self.name} answers")
            self._asking[task] = None
            await asyncio.wait({task})
            del self._asking[task]
            if not task.cancelled() and (error := task.exception()) is not None:
                self._complain(f"{self.name} answered {command} with {error!r}")
        asked.answered = self._ledger.moment
        return asked

    async def _answer(self, asked: Asked) -> None:
        try:
            await self._decide(asked)
        except Rejected as no:
            self._log.append(self._handler.rejection(asked.command, no, asked.context))
            asked.outcome = no.code
        except NotReady:
            asked.outcome = "not_ready"
        except Unavailable:
            asked.outcome = "unavailable"
        except OutcomeUnknown:
            asked.outcome = "outcome_unknown"

    async def _decide(self, asked: Asked) -> None:
        command, context = asked.command, asked.context
        decision = None if asked.retry else self._handler.at_once(command, context)
        if decision is None:
            decision = await self._handler.decide(command, context, retry=asked.retry)
        if isinstance(decision, Append):
            asked.event_id = decision.event_id
            asked.behind_s = self._behind(decision.record)
            appending = self._repeats.known(decision.event_id, decision.content)
            if appending is None:
                appending = self._log.append(decision.record)
                self._repeats.remember(decision.event_id, decision.content, appending)
            await asyncio.shield(appending)
            asked.outcome = "accepted"
        else:
            asked.outcome = "unchanged"
        asked.reply = decision.reply

    def _behind(self, record: Record) -> float:
        """How old the oldest change of the conversation's partition is that this node has not seen: 0 if none."""
        at = partition_of(CONVERSATION_UPDATED, record.key or b"")
        times, read = self._ledger.times.get(at, []), self.tail._read.get(at, 0)
        return asyncio.get_running_loop().time() - times[read] if read < len(times) else 0.0
