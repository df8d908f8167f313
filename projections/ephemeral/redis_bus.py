"""The bus on Redis publish and subscribe: at most once; a listener that loses its connection makes another."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from redis.exceptions import RedisError

from core.outages import Outage
from projections.ephemeral.redis_client import Connected, client_of

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0
PARCEL: Final = 64 << 10
ASK_S: Final = 5.0
"""After so long without a word a listener asks for one; without an answer it connects anew."""


class RedisBus:
    """The port `Bus`. Payloads go out on one connection, in the order of the calls."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connected = Connected(url, connections=1)
        self._in_order = asyncio.Lock()

    async def start(self) -> None:
        """Be ready; Redis may be down."""
        self._connected.start()

    async def stop(self) -> None:
        """Close the connection. Listeners end with whoever iterates them."""
        await self._connected.stop()

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send each payload to its channel, in parcels and one round trip, within 200 ms."""
        if not messages:
            return
        async with self._connected.client() as client, self._in_order, client.pipeline(transaction=False) as pipeline:
            for channel, parcel in parcels(messages):
                pipeline.execute_command("PUBLISH", _channel(channel), parcel)
            await pipeline.execute()

    async def subscribe(self, channel: str) -> AsyncIterator[bytes]:
        """The payloads of a channel; never ends by itself."""
        outage, pause = Outage(f"listening to {channel}", "Redis"), FIRST_PAUSE_S
        while True:
            listener = Listener(self._url, channel)
            try:
                await listener.connect()
                outage.ends()
                pause = FIRST_PAUSE_S
                while True:
                    for payload in unpacked(await listener.next()):
                        yield payload
            except (RedisError, OSError, TimeoutError) as error:
                outage.begins(error)
            finally:
                await listener.close()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)


class Listener:
    """One connection that listens to one channel. Its errors are Redis's; whoever uses it makes another then."""

    def __init__(self, url: str, channel: str) -> None:
        self._client: Any = client_of(url, connections=1, connect_s=2.0)
        self._pubsub: Any = self._client.pubsub()
        self._channel = _channel(channel)
        self._asked = False

    async def connect(self) -> None:
        """Connect and subscribe, within 5 s."""
        async with asyncio.timeout(ASK_S):
            await self._pubsub.subscribe(self._channel)

    async def next(self) -> bytes:
        """The next parcel, empty after something else was heard. Raises TimeoutError when the server is silent."""
        message = await self._pubsub.get_message(timeout=ASK_S)
        if message is None:
            await self._ask()
            return b""
        self._asked = False
        return message["data"] if message["type"] == "message" else b""

    async def _ask(self) -> None:
        if self._asked:
            raise TimeoutError(f"no word for {2 * ASK_S:.0f} s")
        self._asked = True
        await self._pubsub.ping()

    async def close(self) -> None:
        """Let the connection go, whatever state it is in."""
        await self._pubsub.aclose()
        await self._client.aclose()


def parcels(messages: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Payloads of one channel travel together, each behind its length (32 bits, big-endian): a message costs both
    ends some 20 µs however small it is. Their order is kept.
    """
    open_: dict[str, bytearray] = {}
    for channel, payload in messages:
        parcel = open_.setdefault(channel, bytearray())
        parcel += len(payload).to_bytes(4) + payload
        if len(parcel) >= PARCEL:
            yield channel, bytes(open_.pop(channel))
    for channel, parcel in open_.items():
        yield channel, bytes(parcel)


def unpacked(parcel: bytes) -> Iterator[bytes]:
    """The payloads of a parcel."""
    at = 0
    while at < len(parcel):
        end = at + 4 + int.from_bytes(parcel[at : at + 4])
        yield parcel[at + 4 : end]
        at = end


def _channel(channel: str) -> str:
    return f"caas:{channel}"
