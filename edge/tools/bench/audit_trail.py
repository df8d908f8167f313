"""Generates synthetic audit records, as many users leave them: a few users and actions have most of them."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from core.positions import position
from projections.facts import Fact
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, AuditRecorded
from schemas.events.audit import Outcome
from schemas.topics import AUDIT_LOG, Partition
from streams.processors.audit import Audit
from streams.runtime.processor import Batch

ACTORS: Final = 2_000
CONVERSATIONS: Final = 20_000
DAYS: Final = 90
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
END: Final = BEGIN + timedelta(days=DAYS)
BATCH_SIZE: Final = 1_000
COUNTED: Final = "typing:start"
"""An action of which one record stands for several."""
ACTIONS: Final = {
    "message:send": 600,
    COUNTED: 120,
    "auth:login": 80,
    "reaction:add": 80,
    "message:edit": 40,
    "message:delete": 20,
    "conversation:create": 20,
    "conversation:add-participants": 20,
    "conversation:mute": 10,
    "token:issue": 8,
    "audit:query": 1,
    "operator:transcript": 1,
}
"""How many of a thousand records each action has."""
OUTCOMES: Final[dict[Outcome, int]] = {"success": 960, "denied": 30, "failure": 10}
RECENT: Final = 1_000
"""What happens to a message happens to one of so many sent last."""


class AuditTrail:
    """`count` records of one tenant, at even times over `DAYS` days; the same for a seed. Read it once."""

    def __init__(self, tenant: str, count: int, seed: int = 7) -> None:
        self.tenant = tenant
        self._count = count
        self._chance = random.Random(seed)  # noqa: S311 - to measure with
        self._actions = list(itertools.accumulate(ACTIONS.values()))
        self._outcomes = list(itertools.accumulate(OUTCOMES.values()))
        self._messages = [f"{n:032x}" for n in range(RECENT)]

    def batches(self, generation: int) -> Iterator[Batch]:
        """Yield the records as a worker of the processor `audit` gives them to it."""
        at, before = Partition(AUDIT_LOG, 0), 0
        for begin in range(0, self._count, BATCH_SIZE):
            end = min(self._count, begin + BATCH_SIZE)
            facts = [self._fact(n) for n in range(begin, end)]
            after = position(1, end)
            begins = {at: before} if before else {}
            yield Batch(facts, Audit.name, generation, {at: after}, begins)
            before = after

    def _fact(self, n: int) -> Fact:
        chance = self._chance
        [action] = chance.choices(list(ACTIONS), cum_weights=self._actions)
        [outcome] = chance.choices(list(OUTCOMES), cum_weights=self._outcomes)
        at = (BEGIN + n * (END - BEGIN) / self._count).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        room = f"room-{self._one_of(CONVERSATIONS)}" if action.startswith(("message", "reaction", "conv")) else None
        entity_type, entity_id = self._entity(action, room)
        event = AuditRecorded(
            tenant=self.tenant,
            at=at,
            actor=self._user(),
            action=action,
            entity_type=entity_type,
            entity_id=entity_id,
            outcome=outcome,
            reason=None if outcome == "success" else "not_allowed",
            conversation_id=room,
            session=self._id(),
            address="192.0.2.7",
            agent="Mozilla/5.0 (X11; Linux x86_64) bench",
            subjects=[self._user()] if action == "conversation:add-participants" else None,
            count=chance.randint(1, 30) if action == COUNTED else 1,
        )
        envelope = Envelope(
            id=self._id(),
            type=TYPE_OF[AuditRecorded],
            source="/caas/bench",
            time=at,
            subject=entity_id,
            tenant=self.tenant,
            correlation_id=self._id(),
            actor=event.actor,
        )
        return Fact(AUDIT_LOG, position(1, n), envelope, event, int(BEGIN.timestamp() * 1000) + n)

    def _entity(self, action: str, room: str | None) -> tuple[str, str]:
        if action == "message:send":
            sent = self._id()
            self._messages[self._chance.randrange(RECENT)] = sent
            return "message", sent
        if action.startswith(("message", "reaction")):
            return "message", self._chance.choice(self._messages)
        return ("conversation", room) if room else ("audit_log", "") if action == "audit:query" else ("user", "self")

    def _user(self) -> str:
        return f"person-{self._one_of(ACTORS)}"

    def _one_of(self, count: int) -> int:
        """Return a number below `count`, small ones more often."""
        return int(self._chance.random() ** 2 * count)

    def _id(self) -> str:
        return f"{self._chance.getrandbits(128):032x}"
