"""What a frame of a node is: the answer to something asked, or something that happened."""

from collections.abc import Iterable

from .gap_recovery import GapRecovery
from .pending_commands import PendingCommands
from .reconnect_state import ReconnectState
from .token_renewal import TokenRenewal
from .wire import Event, Frame


class FrameReader:
    """Brings a client's frames to whom they concern."""

    def __init__(
        self, asking: PendingCommands, healing: GapRecovery, session: ReconnectState, renewing: TokenRenewal
    ) -> None:
        self._asking = asking
        self._healing = healing
        self._session = session
        self._renewing = renewing

    def heard(self, frame: Frame) -> Iterable[Event]:
        """What the application may be shown now that this frame has come."""
        if frame.id is not None:
            return self._answered(frame)
        if frame.error is not None and frame.nameless and self._asking.nameless(frame.error):
            return ()
        if frame.correlation_id is not None:
            self._asking.received(frame.correlation_id)
        event = Event(frame.type, frame.data, frame.lane, frame.n, frame.correlation_id, error=frame.error)
        return (event,) if frame.lane is None else self._healing.take(event)

    def late(self, before: float) -> bool:
        """Whether what was asked before this time, in monotonic seconds, has no answer."""
        return self._asking.late(before) or self._healing.late(before)

    def _answered(self, frame: Frame) -> Iterable[Event]:
        for asker in (self._healing, self._session, self._renewing):
            if (events := asker.answered(frame)) is not None:
                return events
        self._asking.answered(frame)
        return ()
