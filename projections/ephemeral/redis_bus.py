"""Implements the bus with Redis publish and subscribe: at most once; listeners reconnect by themselves."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from redis.exceptions import RedisError

from core.outages import Outage
from core.retry import Backoff
from projections.ephemeral.redis_client import RedisConnection, create_client

MAX_RETRY_INTERVAL_S: Final = 1.0
MAX_PARCEL_BYTES: Final = 64 << 10
SILENCE_TIMEOUT_S: Final = 5.0
"""A listener sends a ping after this time without a message, in seconds; without an answer it reconnects."""


class RedisBus:
    """The port `Bus`. Sends payloads on one connection, in the order of the calls."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = RedisConnection(url, connections=1)
        self._in_order = asyncio.Lock()

    async def start(self) -> None:
        """Create the client; Redis may be down."""
        self._connection.start()

    async def stop(self) -> None:
        """Close the connection. A subscription ends when its iterator is closed."""
        await self._connection.stop()

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send each payload to its channel, in parcels and one round trip, within 200 ms. Raises `Unavailable`."""
        if not messages:
            return
        async with self._connection.client() as client, self._in_order, client.pipeline(transaction=False) as pipeline:
            for channel, parcel in parcels(messages):
                pipeline.execute_command("PUBLISH", _channel(channel), parcel)
            await pipeline.execute()

    async def subscribe(self, channel: str) -> AsyncIterator[bytes]:
        """Yield the payloads of a channel without end; reconnects after errors."""
        outage, backoff = Outage(f"listening to {channel}", "Redis"), Backoff(max_s=MAX_RETRY_INTERVAL_S)
        while True:
            listener = Listener(self._url, channel)
            try:
                await listener.connect()
                outage.ends()
                backoff.reset()
                while True:
                    for payload in unpack(await listener.next()):
                        yield payload
            except (RedisError, OSError, TimeoutError) as error:
                outage.begins(error)
            finally:
                await listener.close()
            await backoff.pause()


class Listener:
    """One connection that listens to one channel. It raises Redis's errors; the caller then creates another."""

    def __init__(self, url: str, channel: str) -> None:
        self._client: Any = create_client(url, connections=1, connect_s=2.0)
        self._pubsub: Any = self._client.pubsub()
        self._channel = _channel(channel)
        self._pinged = False

    async def connect(self) -> None:
        """Connect and subscribe, within 5 s."""
        async with asyncio.timeout(SILENCE_TIMEOUT_S):
            await self._pubsub.subscribe(self._channel)

    async def next(self) -> bytes:
        """Return the next parcel, empty after any other message. Raises TimeoutError when the server is silent."""
        message = await self._pubsub.get_message(timeout=SILENCE_TIMEOUT_S)
        if message is None:
            await self._ping()
            return b""
        self._pinged = False
        return message["data"] if message["type"] == "message" else b""

    async def _ping(self) -> None:
        if self._pinged:
            raise TimeoutError(f"no message for {2 * SILENCE_TIMEOUT_S:.0f} s")
        self._pinged = True
        await self._pubsub.ping()

    async def close(self) -> None:
        """Close the connection, in any state."""
        await self._pubsub.aclose()
        await self._client.aclose()


def parcels(messages: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Join the payloads of each channel into parcels, each payload after its length (32 bits, big-endian), in order: a
    message costs both ends some 20 µs at any size.
    """
    open_: dict[str, bytearray] = {}
    for channel, payload in messages:
        parcel = open_.setdefault(channel, bytearray())
        parcel += len(payload).to_bytes(4) + payload
        if len(parcel) >= MAX_PARCEL_BYTES:
            yield channel, bytes(open_.pop(channel))
    for channel, parcel in open_.items():
        yield channel, bytes(parcel)


def unpack(parcel: bytes) -> Iterator[bytes]:
    """Yield the payloads of a parcel."""
    at = 0
    while at < len(parcel):
        end = at + 4 + int.from_bytes(parcel[at : at + 4])
        yield parcel[at + 4 : end]
        at = end


def _channel(channel: str) -> str:
    return f"caas:{channel}"
