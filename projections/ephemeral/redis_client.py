"""A call to Redis is one try within a deadline: what lies there may be lost, so nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from core.ports.event_log import Unavailable

DEADLINE_S: Final = 0.2
CONNECTIONS: Final = 16


def client_of(url: str, *, connections: int = CONNECTIONS, connect_s: float = DEADLINE_S) -> Any:
    """A client without retries. Its sockets have no timeout of their own: callers bound each call, and the client's
    own bound (`asyncio.wait_for`) may swallow a cancellation.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=DEADLINE_S,
        socket_timeout=None,
        socket_connect_timeout=connect_s,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=2,
    )
    return Redis.from_pool(pool)


class Connected:
    """A client that exists between `start` and `stop`. Connections are made when they are first needed."""

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self._url = url
        self._connections = connections
        self._client: Any = None

    def start(self) -> None:
        """Be ready; no I/O."""
        if self._client is None:
            self._client = client_of(self._url, connections=self._connections)

    async def stop(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """The client, for calls that end within 200 ms or raise `Unavailable`."""
        if self._client is None:
            raise Unavailable("Redis: not started")
        try:
            # A call that is cut off closes its connection, so that no other reads its answer.
            async with asyncio.timeout(DEADLINE_S):
                yield self._client
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(f"Redis: {str(error) or type(error).__name__}") from error
