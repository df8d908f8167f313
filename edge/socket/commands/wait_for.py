"""Sends whose answer waits for a stage: the receipt or cursor that comes to this node settles it, whenever it comes.

It waits some seconds, no longer; then it looks once at what the read models say. So one that was lost makes an answer
late and never untrue.
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
from projections.messages.delivery_stage import Reached
from schemas.commands import SendMessage
from schemas.commands.command_base import Level
from schemas.wire.frames import CURSORS, Push
from schemas.wire.views import CursorView, ReceiptView

logger: Final = logging.getLogger("caas.waiting")
WAIT_S: Final = 5.0
LEVELS: Final[tuple[Level, ...]] = ("accepted", "persisted", "delivered", "read")
HEARD: Final = 100
"""Maximum of members whose cursors are kept for a message whose number is not known yet."""


class _Receipt(msgspec.Struct, frozen=True):
    data: ReceiptView


_decode: Final = msgspec.json.Decoder(_Receipt).decode


@dataclass(slots=True, eq=False)
class PendingWait:
    """One send that waits. `reached` is how far it has come, `seq` its number, 0 until it is known; what is `known` to
    be a repeat may have come further already.
    """

    visit: ClientSession
    command: SendMessage
    message_id: str
    reached: Level
    known: bool
    correlation_id: str
    seq: int = 0
    heard: dict[str, CursorView] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def done(self) -> bool:
        """Whether it has come as far as was asked."""
        return LEVELS.index(self.reached) >= LEVELS.index(self.command.wait_for)

    def reaches(self, stage: str) -> None:
        """It has come to this stage, if it had not yet."""
        self.reached = max(self.reached, *(level for level in LEVELS if level == stage), key=LEVELS.index)
        if self.done:
            self.over.set()


class PendingWaits:
    """The waits of one node's sessions."""

    def __init__(self, memberships: Memberships, reached: Reached) -> None:
        self._memberships = memberships
        self._reached = reached
        self._waits: dict[str, list[PendingWait]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """The node goes away: what still waits is let go."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def begin(
        self,
        visit: ClientSession,
        command: SendMessage,
        message_id: str,
        level: Level,
        *,
        known: bool,
        correlation_id: str,
    ) -> PendingWait | None:
        """Hear of this send, which is at `level`, from now on: before anything else runs after its append. None where
        there is nothing to wait for.
        """
        wait = PendingWait(visit, command, message_id, level, known, correlation_id)
        if wait.done:
            return None
        self._waits.setdefault(_key(wait), []).append(wait)
        return wait

    def end(self, wait: PendingWait) -> None:
        """Hear of it no more."""
        waits = self._waits.get(_key(wait), [])
        if wait in waits:
            waits.remove(wait)
        if not waits:
            self._waits.pop(_key(wait), None)

    def answer(self, wait: PendingWait, frame: Callable[[Level], bytes]) -> None:
        """Answer it once it has come as far as was asked, or time is over."""
        visit = wait.visit
        visit.waits()
        task = asyncio.create_task(self._answer(wait, frame), name=f"wait {wait.message_id}")
        for tasks in (self._tasks, visit.tasks):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def hurry(self, visit: ClientSession) -> None:
        """This session waits no longer: it is answered how far each has come."""
        for waits in self._waits.values():
            for wait in waits:
                if wait.visit is visit:
                    wait.over.set()

    def heard(self, push: Push) -> None:
        """A receipt came to this node, or cursors that moved. Never raises."""
        waits = self._waits.get(push.conversation_id)
        if not waits:
            return
        cursors = cursors_in(push) if push.lane == CURSORS else []
        receipt = None if push.lane == CURSORS else _receipt_in(push)
        for wait in waits:
            self._hears(wait, receipt, cursors)

    def _hears(self, wait: PendingWait, receipt: ReceiptView | None, cursors: Sequence[CursorView]) -> None:
        if receipt is not None and receipt.lane == "sent" and receipt.message_id == wait.message_id:
            wait.seq = receipt.seq
            wait.reaches(receipt.stage)
        for cursor in cursors:
            if cursor.user_id != wait.visit.identity.user_id and (wait.seq or len(wait.heard) < HEARD):
                wait.heard[cursor.user_id] = cursor
        if wait.seq:
            for one in wait.heard.values():
                self._reached_by(wait, one)
            wait.heard.clear()

    def _reached_by(self, wait: PendingWait, cursor: CursorView) -> None:
        """How far the message came with this member, if it is theirs to read."""
        for stage, seq in (("delivered", cursor.delivered_seq), ("read", cursor.read_seq)):
            if seq >= wait.seq and self._reads(wait, cursor.user_id, wait.seq):
                wait.reaches(stage)

    def _reads(self, wait: PendingWait, user_id: str, seq: int) -> bool:
        """Whether a message of that conversation is somebody's to read, as far as this node knows."""
        view = self._memberships.get(wait.command.conversation_id)
        member = None if view is None else view.members.get(user_id)
        return member is not None and member.reads(seq)

    async def _answer(self, wait: PendingWait, frame: Callable[[Level], bytes]) -> None:
        try:
            if wait.known:
                await self._look(wait)
            try:
                async with asyncio.timeout(WAIT_S):
                    await wait.over.wait()
            except TimeoutError:
                logger.debug("%s has come to %s so far", wait.message_id, wait.reached)
            if not wait.done:
                await self._look(wait)
        finally:
            self.end(wait)
        wait.visit.answer(frame(wait.reached), waited=True)

    async def _look(self, wait: PendingWait) -> None:
        """What the read models say; where they cannot be read, nothing more than is known."""
        said = content.of_command(wait.command)
        of: dict[str, object] = {"correlation_id": wait.correlation_id}
        try:
            stage = await self._reached.stage(wait.message_id, said, lambda user, seq: self._reads(wait, user, seq))
        except Unavailable as error:
            logger.warning("how far %s has come cannot be read: %s", wait.message_id, error, extra=REPEATS | of)
            return
        except Exception:
            logger.exception("how far %s has come cannot be read", wait.message_id, extra=of)
            return
        if stage is not None:
            wait.reaches(stage)


def _receipt_in(push: Push) -> ReceiptView | None:
    try:
        return _decode(push.frame).data
    except msgspec.DecodeError as error:
        logger.warning("a receipt that cannot be read: %s", error)
        return None


def _key(wait: PendingWait) -> str:
    return wait.command.conversation_id
