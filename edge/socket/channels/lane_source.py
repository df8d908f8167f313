"""LaneSource reads the lanes of one kind of channel from its read models: of conversations, or of users."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from projections.inbox import inbox_rows
from projections.queries.lanes import LaneHeads, LaneRow, Lanes
from schemas.wire.frames import USER


@dataclass(frozen=True, slots=True)
class LanePage:
    """Rows of a lane, ascending, with their pushes as frames; `upto` is the number that they reach."""

    rows: Sequence[LaneRow]
    upto: int


class LaneSource(Protocol):
    """Reads by the names of channels. Every method raises `Unavailable`."""

    async def heads(self, names: Collection[str]) -> dict[str, LaneHeads]:
        """Return the heads of all lanes of these channels."""
        ...

    async def page(self, name: str, lane: str, beyond: int, upto: int) -> LanePage:
        """Return the rows with `beyond` < n <= `upto`, or the first of them."""
        ...


class ConversationSource:
    """The lanes of conversations, by their ids."""

    def __init__(self, lanes: Lanes, page_size: int = 500) -> None:
        self._lanes = lanes
        self._page_size = page_size

    async def heads(self, names: Collection[str]) -> dict[str, LaneHeads]:
        """Return the heads of all lanes of these conversations. Raises `Unavailable`."""
        return await self._lanes.heads(names)

    async def page(self, name: str, lane: str, beyond: int, upto: int) -> LanePage:
        """Return a page of rows. Raises `Unavailable`."""
        rows = await self._lanes.rows_between(name, lane, beyond, upto, self._page_size)
        return LanePage(rows, rows[-1].n if len(rows) == self._page_size else upto)


class UserSource:
    """The lanes of users, by their names in the node registry."""

    def __init__(self, lanes: Lanes, page_size: int = 250) -> None:
        self._lanes = lanes
        self._page_size = page_size

    async def heads(self, names: Collection[str]) -> dict[str, LaneHeads]:
        """Return the heads of the lanes of these users. Raises `Unavailable`."""
        keys = {name: inbox_rows.key_of_channel(name) for name in names}
        heads = await self._lanes.user_heads(keys.values())
        return {name: {USER: heads[key]} for name, key in keys.items()}

    async def page(self, name: str, lane: str, beyond: int, upto: int) -> LanePage:  # noqa: ARG002 - there is one
        """Return a page of rows, of up to `page_size` of either kind. Raises `Unavailable`."""
        page = await self._lanes.user_page(inbox_rows.key_of_channel(name), beyond, upto, self._page_size)
        return LanePage([LaneRow(n, 0, 0, frame, {}) for n, frame in page.frames], page.upto)
