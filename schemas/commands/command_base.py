"""What all commands have in common."""

from typing import Literal

import msgspec

Level = Literal["accepted", "persisted", "delivered", "read"]
"""How far something came: `accepted` is in the log, `persisted` in the read model, `delivered` on a device of somebody
else, `read` by them.
"""


class CommandData(msgspec.Struct, frozen=True, kw_only=True):
    """A command's data. Where `client_key` is left out, the correlation id stands for it."""
