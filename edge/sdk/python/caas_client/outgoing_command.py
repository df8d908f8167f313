"""A command on its way: it has its place and its name as soon as it was asked, and its answer when it is awaited."""

from collections.abc import Generator
from typing import Any, Generic, TypeVar

import msgspec

from .pending_commands import Answer

T = TypeVar("T")


class Outgoing(Generic[T]):
    """`await` it for its answer; whether anybody does, it goes out in its turn.

    `key` is the client key under which the nodes know it permanently: of a message its `client_msg_id`.
    Cancelling whoever awaits it takes the command back, unless it is on the line. Raises `ChatError`.
    """

    __slots__ = ("_answer", "_kind", "correlation_id", "key")

    def __init__(self, answer: Answer, kind: type[T], key: str, correlation_id: str) -> None:
        self._answer = answer
        self._kind = kind
        self.key = key
        self.correlation_id = correlation_id

    def __await__(self) -> Generator[Any, None, T]:
        data = yield from self._answer.__await__()
        return msgspec.convert(data, self._kind)

    @property
    def done(self) -> bool:
        """Whether it has an answer, an acceptance or a rejection."""
        return self._answer.done()
