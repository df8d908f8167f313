"""PendingWaits delays the answer to a send until its stage (`wait_for`) is reached: receipts and cursors that arrive at
this node report stages.

A wait ends after 5 s; then the stage is read once from the read models. So a lost receipt makes an answer late, never
wrong.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from core.domain import content
from core.outages import REPEATS
from core.ports.event_log import Unavailable
from core.ports.memberships import Memberships
from edge.socket.delivery.cursors import cursors_in
from edge.socket.session.client_session import ClientSession
from projections.messages.delivery_stage import DeliveryStageReader
from schemas.commands.message import SendMessage
from schemas.wire.answers import Level
from schemas.wire.frames import CURSORS, Push
from schemas.wire.views import CursorView, ReceiptView

logger: Final = logging.getLogger("caas.waiting")
WAIT_TIMEOUT_S: Final = 5.0
"""Maximum time that the answer to a send waits for its stage."""
LEVELS: Final[tuple[Level, ...]] = ("accepted", "persisted", "delivered", "read")
MAX_EARLY_CURSORS: Final = 100
"""Maximum number of members whose cursors are kept for a message whose number is not known yet."""


class _Receipt(msgspec.Struct, frozen=True):
    data: ReceiptView


_decode: Final = msgspec.json.Decoder(_Receipt).decode


@dataclass(slots=True, eq=False)
class PendingWait:
    """One send that waits. `reached` is its stage so far, `seq` its number, 0 until that is known. A send `known` to be
    a repeat may have reached a later stage already.
    """

    client: ClientSession
    command: SendMessage
    message_id: str
    reached: Level
    known: bool
    correlation_id: str
    seq: int = 0
    cursors: dict[str, CursorView] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def done(self) -> bool:
        """Whether it has reached the requested stage."""
        return LEVELS.index(self.reached) >= LEVELS.index(self.command.wait_for)

    def advance(self, stage: str) -> None:
        """Note that it has reached this stage; an earlier one changes nothing."""
        self.reached = max(self.reached, *(level for level in LEVELS if level == stage), key=LEVELS.index)
        if self.done:
            self.over.set()


class PendingWaits:
    """The waits of one node's sessions."""

    def __init__(self, memberships: Memberships, stages: DeliveryStageReader) -> None:
        self._memberships = memberships
        self._stages = stages
        self._waits: dict[str, list[PendingWait]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Cancel all waits: the node stops."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def begin(
        self,
        client: ClientSession,
        command: SendMessage,
        message_id: str,
        level: Level,
        *,
        known: bool,
        correlation_id: str,
    ) -> PendingWait | None:
        """Watch the stages of this send, which is at `level`; call it before anything else runs after its append.
        Return None if there is nothing to wait for.
        """
        wait = PendingWait(client, command, message_id, level, known, correlation_id)
        if wait.done:
            return None
        self._waits.setdefault(_key(wait), []).append(wait)
        return wait

    def end(self, wait: PendingWait) -> None:
        """Stop watching a send."""
        waits = self._waits.get(_key(wait), [])
        if wait in waits:
            waits.remove(wait)
        if not waits:
            self._waits.pop(_key(wait), None)

    def answer(self, wait: PendingWait, frame: Callable[[Level], bytes]) -> None:
        """Answer a send once it has reached the requested stage, or has timed out."""
        client = wait.client
        client.mark_waiting()
        task = asyncio.create_task(self._answer(wait, frame), name=f"wait {wait.message_id}")
        for tasks in (self._tasks, client.tasks):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def flush(self, client: ClientSession) -> None:
        """End the waits of a session: each send is answered with its stage so far."""
        for waits in self._waits.values():
            for wait in waits:
                if wait.client is client:
                    wait.over.set()

    def notify(self, push: Push) -> None:
        """Use a receipt or moved cursors that arrived at this node. Never raises."""
        waits = self._waits.get(push.conversation_id)
        if not waits:
            return
        cursors = cursors_in(push) if push.lane == CURSORS else []
        receipt = None if push.lane == CURSORS else _receipt_in(push)
        for wait in waits:
            self._update(wait, receipt, cursors)

    def _update(self, wait: PendingWait, receipt: ReceiptView | None, cursors: Sequence[CursorView]) -> None:
        if receipt is not None and receipt.lane == "sent" and receipt.message_id == wait.message_id:
            wait.seq = receipt.seq
            wait.advance(receipt.stage)
        for cursor in cursors:
            if cursor.user_id != wait.client.identity.user_id and (wait.seq or len(wait.cursors) < MAX_EARLY_CURSORS):
                wait.cursors[cursor.user_id] = cursor
        if wait.seq:
            for cursor in wait.cursors.values():
                self._advance_by(wait, cursor)
            wait.cursors.clear()

    def _advance_by(self, wait: PendingWait, cursor: CursorView) -> None:
        """Advance a send by the cursor of this member, if they may read the message."""
        for stage, seq in (("delivered", cursor.delivered_seq), ("read", cursor.read_seq)):
            if seq >= wait.seq and self._reads(wait, cursor.user_id, wait.seq):
                wait.advance(stage)

    def _reads(self, wait: PendingWait, user_id: str, seq: int) -> bool:
        """Whether a user may read a message of that conversation, as far as this node knows."""
        view = self._memberships.get(wait.command.conversation_id)
        member = None if view is None else view.members.get(user_id)
        return member is not None and member.reads(seq)

    async def _answer(self, wait: PendingWait, frame: Callable[[Level], bytes]) -> None:
        try:
            if wait.known:
                await self._read_stage(wait)
            try:
                async with asyncio.timeout(WAIT_TIMEOUT_S):
                    await wait.over.wait()
            except TimeoutError:
                logger.debug("%s has reached %s so far", wait.message_id, wait.reached)
            if not wait.done:
                await self._read_stage(wait)
        finally:
            self.end(wait)
        wait.client.answer(frame(wait.reached), waited=True)

    async def _read_stage(self, wait: PendingWait) -> None:
        """Advance a send to its stage in the read models; if they cannot be read, it stays as it is."""
        sent = content.of_command(wait.command)
        of: dict[str, object] = {"correlation_id": wait.correlation_id, **wait.client.log_fields}
        try:
            stage = await self._stages.stage(wait.message_id, sent, lambda user, seq: self._reads(wait, user, seq))
        except Unavailable as error:
            logger.warning("the stage of %s cannot be read: %s", wait.message_id, error, extra=REPEATS | of)
            return
        except Exception:
            logger.exception("the stage of %s cannot be read", wait.message_id, extra=of)
            return
        if stage is not None:
            wait.advance(stage)


def _receipt_in(push: Push) -> ReceiptView | None:
    try:
        return _decode(push.frame).data
    except msgspec.DecodeError as error:
        logger.warning("a receipt cannot be decoded: %s", error)
        return None


def _key(wait: PendingWait) -> str:
    return wait.command.conversation_id
