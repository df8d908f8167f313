"""Distant is a store that one node alone can be cut off from."""

import asyncio
from typing import Any

from core.ports.documents import Documents
from core.ports.event_log import Unavailable


class Distant:
    """A store that is unreachable for all reads, or for those that no client requested."""

    def __init__(self, inner: Documents) -> None:
        self._inner = inner
        self.cut = False
        self.cut_for_own = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def get(self, place: Any, ids: Any) -> Any:
        task = asyncio.current_task()
        own = task is not None and task.get_name().startswith(("heads", "channel "))
        if self.cut or (self.cut_for_own and own):
            raise Unavailable("the store is out of reach")
        return await self._inner.get(place, ids)
