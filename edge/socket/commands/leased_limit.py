"""LeasedLimit spends from a limit that all nodes share: a node leases tokens in portions and spends them locally.

A key never gets more than its rate. Tokens that a node has leased and not spent are missing on other nodes: at most
one lease each, and what is saved for an expensive command. Leased tokens may be spent later: then each node lets that
many more through at once.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from core.ports.limits import Limits
from core.rate_limit import Rate

LEASES_PER_BURST: Final = 10
"""A lease is this fraction of the burst unless its size is given, and at least one token."""
MAX_KEYS: Final = 10_000
"""Maximum number of keys that are remembered; the least recently used one is forgotten, and its tokens are lost."""


class _TokenLease:
    """The tokens of one key on this node: `left`, and once they are spent no more before `empty_until` (loop time)."""

    __slots__ = ("empty_until", "left", "lock")

    def __init__(self) -> None:
        self.left = 0
        self.empty_until = 0.0
        self.lock = asyncio.Lock()


class LeasedLimit:
    """Spends the tokens of many keys at one rate. `limits` never raises; `name` is the prefix of its keys there."""

    def __init__(self, name: str, rate: Rate, limits: Limits, lease_size: int | None = None) -> None:
        self.rate: Final = rate
        self.lease_size: Final = lease_size or max(1, rate.burst // LEASES_PER_BURST)
        self._name = name
        self._limits = limits
        self._leases: OrderedDict[str, _TokenLease] = OrderedDict()

    async def spend(self, key: str, tokens: int = 1) -> float:
        """Spend tokens, all of them or none, and at most the burst. Return 0, or the seconds until they should be
        available, as far as this node knows; smaller amounts may be spent meanwhile.

        The limits are called once per lease, and while they are empty not before they should have one. The callers
        of one connection wait one after another and keep their order.
        """
        lease, tokens = self._lease(key), min(tokens, self.rate.burst)
        loop = asyncio.get_running_loop()
        while lease.left < tokens:
            if (wait_s := lease.empty_until - loop.time()) > 0:
                return wait_s + max(0, tokens - lease.left - self.lease_size) / self.rate.per_s
            async with lease.lock:
                if lease.left < tokens and lease.empty_until <= loop.time():
                    await self._fill(key, lease)
        lease.left -= tokens
        return 0.0

    async def _fill(self, key: str, lease: _TokenLease) -> None:
        wait_s = await self._limits.take(f"{self._name}:{key}", self.rate, self.lease_size)
        if wait_s:
            lease.empty_until = asyncio.get_running_loop().time() + wait_s
        else:
            lease.left += self.lease_size

    def _lease(self, key: str) -> _TokenLease:
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = _TokenLease()
            if len(self._leases) > MAX_KEYS:
                self._leases.popitem(last=False)
        else:
            self._leases.move_to_end(key)
        return lease
