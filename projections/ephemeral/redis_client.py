"""Calls Redis once, without retries, within a deadline: its data may be lost, so no caller waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from core.ports.event_log import Unavailable

TIMEOUT_S: Final = 0.2
MAX_CONNECTIONS: Final = 16


def create_client(url: str, *, connections: int = MAX_CONNECTIONS, connect_s: float = TIMEOUT_S) -> Any:
    """Create a client without retries. Its sockets have no timeout: callers bound each call, and the client's own
    timeout (`asyncio.wait_for`) may swallow a cancellation.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=TIMEOUT_S,
        socket_timeout=None,
        socket_connect_timeout=connect_s,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=2,
    )
    return Redis.from_pool(pool)


class RedisConnection:
    """Holds a client between `start` and `stop`. Connections are opened when they are first needed."""

    def __init__(self, url: str, connections: int = MAX_CONNECTIONS) -> None:
        self._url = url
        self._connections = connections
        self._client: Any = None

    def start(self) -> None:
        """Create the client, without I/O."""
        if self._client is None:
            self._client = create_client(self._url, connections=self._connections)

    async def stop(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """Lend the client for calls that end within 200 ms or raise `Unavailable`."""
        if self._client is None:
            raise Unavailable("Redis: not started")
        try:
            # A call that times out closes its connection, so that no other call reads its answer.
            async with asyncio.timeout(TIMEOUT_S):
                yield self._client
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(f"Redis: {str(error) or type(error).__name__}") from error
