"""The `audit_events` processor writes the audit record of each event that a command appended to the topic `audit.log`.

It has no rows. A record's id derives from its event's, so that one that is written again after a crash is a repeat.
"""

from typing import Final

from core.audit.derived import AUDITED, KIND, audited, is_audited
from core.ports.documents import Changes, Documents
from core.ports.effects import Effects
from projections.facts import Fact
from schemas.envelope import Record
from streams.processors.derived_effects import record_of
from streams.runtime.processor import Batch


class AuditEvents:
    """Writes the topic `audit.log`."""

    name: Final = "audit_events"
    version: Final = 1
    topics: Final = AUDITED
    takes: Final = staticmethod(is_audited)
    tables: Final = ()

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def prepare(self, generation: int) -> None:
        """Do nothing: there are no tables."""

    async def apply(self, batch: Batch) -> Effects:
        """Save the checkpoint, and return the records."""
        await self._documents.save(Changes([], [], batch.checkpoint, batch.base))
        return Effects([record for fact in batch.facts if (record := self._record(fact)) is not None])

    def _record(self, fact: Fact) -> Record | None:
        found = audited(fact.envelope, fact.event)
        return None if found is None else record_of(found, fact, self.name, KIND)
