"""Cache keeps answers for a time."""

from typing import Protocol


class Cache(Protocol):
    """Keeps answers for a time. `get` and `put` raise `Unavailable` if the server is down: callers work without it."""

    async def start(self) -> None:
        """Connect, without waiting for the server: its data may be lost."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key, None if there is none."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep the value for `ttl_s` seconds."""
        ...
