"""The base of all commands."""

from typing import Literal

import msgspec

Level = Literal["accepted", "persisted", "delivered", "read"]
"""Stage that a command reached: `accepted` is in the log, `persisted` in the read model, `delivered` on a device of
another user, `read` by them.
"""


class CommandData(msgspec.Struct, frozen=True, kw_only=True):
    """A command's data. Without a `client_key` the correlation id is used as the key."""
