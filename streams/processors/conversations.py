"""The `conversations` processor: folds who is in what, saves it, then tells the nodes."""

from typing import Final

from core.ports.documents import Changes, Documents, Place
from core.ports.effects import Effects
from projections import conversations
from projections.changes import view_of
from projections.conversations import Told
from projections.facts import Fact, Heads
from schemas import frames, topics
from schemas.events import MessagePinned, MessageUnpinned, ParticipantsAdded, ParticipantsRemoved, RolesChanged
from schemas.frames import Push
from schemas.views import ReceiptView
from streams.processor import Batch, everything
from streams.processors.derived import conflict_push, conflict_record


class Conversations:
    """Writes the tables of the read model `conversations`."""

    name: Final = conversations.MODEL
    version: Final = 5
    topics: Final = (topics.CONVERSATION_UPDATED,)
    takes: Final = staticmethod(everything)
    tables: Final = (conversations.ROWS, conversations.PARTICIPANTS, conversations.CHANGES, conversations.HEADS)

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def prepare(self, generation: int) -> None:
        """Make this generation's tables."""
        await self._documents.prepare([Place(table, generation) for table in self.tables])

    async def apply(self, batch: Batch) -> Effects:
        """Changes are saved before the states they lead to; both before the checkpoint, in one save."""
        rows_at, changes_at = batch.place(conversations.ROWS), batch.place(conversations.CHANGES)
        heads_at, people_at = batch.place(conversations.HEADS), batch.place(conversations.PARTICIPANTS)
        keys = {fact.envelope.subject for fact in batch.facts}
        heads = Heads(await self._documents.get(heads_at, keys))
        rows = await self._documents.get(rows_at, keys)
        changes = await self._documents.get(changes_at, {fact.envelope.id for fact in batch.facts})
        folded = conversations.fold(batch.facts, rows, changes, heads)
        await self._documents.save(
            Changes(
                [(changes_at, folded.changes), (rows_at, folded.rows), (people_at, folded.participants)],
                [(heads_at, folded.heads)],
                batch.checkpoint,
                batch.base,
            )
        )
        return Effects(
            logged=[
                conflict_record(told.fact, self.name, command_of(told.fact)) for told in folded.told if told.conflict
            ],
            hints=[push for told in folded.told for push in _pushes(told, batch.generation)],
        )


def command_of(fact: Fact) -> str:
    """The command that an event of this topic came from; leaving and being removed are one event."""
    match fact.event:
        case ParticipantsAdded(reopened=True):
            name = "conversation:create"
        case ParticipantsAdded():
            name = "conversation:add-participants"
        case ParticipantsRemoved() as event if event.participants == [event.actor]:
            name = "conversation:leave"
        case ParticipantsRemoved():
            name = "conversation:remove-participants"
        case RolesChanged():
            name = "conversation:set-role"
        case MessagePinned():
            name = "message:pin"
        case MessageUnpinned():
            name = "message:unpin"
        case _:
            name = "conversation:update"
    return name


def _pushes(told: Told, generation: int) -> list[Push]:
    fact = told.fact
    pushes = []
    if not told.repeat:
        pushes.append(
            Push(
                model=conversations.MODEL,
                generation=generation,
                conversation_id=fact.envelope.subject,
                frame=frames.push(
                    frames.PUSH_OF_LANE[conversations.LANE],
                    view_of(told.change),
                    conversations.LANE,
                    told.n,
                    fact.envelope.correlation_id,
                ),
                lane=conversations.LANE,
                n=told.n,
                conversation_n=told.n,
            )
        )
    if told.conflict:
        pushes.append(conflict_push(fact, conversations.MODEL, generation))
    elif not told.applied:
        pushes.append(_ignored(told, generation))
    return pushes


def _ignored(told: Told, generation: int) -> Push:
    """The log had decided otherwise by then: its sender is told."""
    fact = told.fact
    receipt = ReceiptView(
        conversation_id=fact.envelope.subject,
        message_id="",
        seq=0,
        stage="persisted",
        lane=conversations.LANE,
        applied=False,
    )
    return Push(
        model=conversations.MODEL,
        generation=generation,
        conversation_id=fact.envelope.subject,
        frame=frames.push("receipt", receipt, correlation_id=fact.envelope.correlation_id),
        conversation_n=told.n,
        to=fact.envelope.actor,
    )
