"""Answers that are kept for a while."""

from typing import Protocol


class Cache(Protocol):
    """Answers kept for a while. Both raise `Unavailable` when the server is down: callers go on without."""

    async def start(self) -> None:
        """Connect, without waiting for the server: what it is for may be lost."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep it for `ttl_s` seconds."""
        ...
