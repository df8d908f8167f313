"""Others' messages that arrived are said to be delivered: of a conversation the newest, at most once a second."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from .pending_commands import Answer
from .wire import ChatError, Event

PAUSE_S: Final = 1.0


class DeliveryReports:
    """Reports through `ask` for the device of this name. A rejection or an answer that never comes, changes nothing."""

    def __init__(self, ask: Callable[[str, dict[str, Any]], Answer], device: str) -> None:
        self._ask = ask
        self._device = device
        self._newest: dict[str, int] = {}
        """By conversation, what was not said yet, and 0 where all was within the last second."""
        self._answers: dict[str, Answer] = {}

    def arrived(self, events: Iterable[Event], user_id: str) -> None:
        """The user's application is shown these."""
        for event in events:
            if event.type == "message:new" and event.data["sender"] != user_id:
                self._arrived(event.data["conversation_id"], event.data["seq"])

    def _arrived(self, conversation_id: str, seq: int) -> None:
        waits = conversation_id in self._newest
        self._newest[conversation_id] = max(seq, self._newest.get(conversation_id, 0))
        if not waits:
            self._say(conversation_id)

    def _say(self, conversation_id: str) -> None:
        """The newest that was not said yet; while the one before has no answer it waits."""
        before = self._answers.get(conversation_id)
        if before is None or before.done():
            seq = self._newest.pop(conversation_id)
            self._answers.pop(conversation_id, None)
            if not seq or not self._said(conversation_id, seq):
                return
            self._newest[conversation_id] = 0
        asyncio.get_running_loop().call_later(PAUSE_S, self._say, conversation_id)

    def _said(self, conversation_id: str, seq: int) -> bool:
        """Whether it is on its way: not where the line is gone for good or too much waits already."""
        try:
            answer = self._ask(
                "message:delivered", {"conversation_id": conversation_id, "seq": seq, "device": self._device}
            )
        except ChatError:
            return False
        answer.add_done_callback(_noted)
        self._answers[conversation_id] = answer
        return True


def _noted(answer: Answer) -> None:
    """Nobody else looks at what went wrong."""
    if not answer.cancelled():
        answer.exception()
