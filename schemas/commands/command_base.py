"""The base of all commands: the class of a command is its one row in the language."""

from typing import ClassVar, Generic, TypeVar

import msgspec

A = TypeVar("A")


class CommandData(msgspec.Struct, Generic[A], frozen=True, kw_only=True):
    """The data of a command whose answer has the data `A`; the frame's `type` is its tag.

    The answer is a parameter of the type, so the type checker finds a command that does not name it. Without a
    `client_key` the correlation id is used as the key.
    """

    cost: ClassVar[int] = 1
    """What it spends of `user_commands_per_s`: about its work for a node and its stores as a multiple of a send."""
