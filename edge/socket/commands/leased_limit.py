"""A limit that all nodes share, and that is not asked at each step: a node takes portions and spends them by itself.

So a key never gets more than its rate, and of what a node has taken and not spent other nodes have less: at most one
portion each, and what is saved for a dear command. What was taken may be spent later: then each node lets as much more
through at once.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from core.ports.limits import Limits, Rate

PORTIONS: Final = 10
"""A portion is this part of the burst unless it is given, and at least one token."""
KEPT: Final = 10_000
"""So many keys are remembered; the one spent from longest ago goes first, and what it had left is lost."""


class _TokenLease:
    """What one key has here: `left` tokens, and once they are spent no more before `shut_until` (loop time)."""

    __slots__ = ("left", "lock", "shut_until")

    def __init__(self) -> None:
        self.left = 0
        self.shut_until = 0.0
        self.lock = asyncio.Lock()


class LeasedLimit:
    """Spends the tokens of many keys at one rate. `limits` never raises; `name` tells its keys from others there."""

    def __init__(self, name: str, rate: Rate, limits: Limits, portion: int | None = None) -> None:
        self.rate: Final = rate
        self.portion: Final = portion or max(1, rate.burst // PORTIONS)
        self._name = name
        self._limits = limits
        self._purses: OrderedDict[str, _TokenLease] = OrderedDict()

    async def spend(self, key: str, tokens: int = 1) -> float:
        """Spend so many tokens, all of them or none, and at most the burst: 0, or the seconds until they will be there,
        as far as this node knows. Fewer may be spent meanwhile.

        It asks the limits once a portion, and while there is none not before there should be one. Callers of one
        connection, who wait for it one after another, keep their order.
        """
        purse, tokens = self._purse(key), min(tokens, self.rate.burst)
        loop = asyncio.get_running_loop()
        while purse.left < tokens:
            if (wait_s := purse.shut_until - loop.time()) > 0:
                return wait_s + max(0, tokens - purse.left - self.portion) / self.rate.per_s
            async with purse.lock:
                if purse.left < tokens and purse.shut_until <= loop.time():
                    await self._fill(key, purse)
        purse.left -= tokens
        return 0.0

    async def _fill(self, key: str, purse: _TokenLease) -> None:
        wait_s = await self._limits.take(f"{self._name}:{key}", self.rate, self.portion)
        if wait_s:
            purse.shut_until = asyncio.get_running_loop().time() + wait_s
        else:
            purse.left += self.portion

    def _purse(self, key: str) -> _TokenLease:
        purse = self._purses.get(key)
        if purse is None:
            purse = self._purses[key] = _TokenLease()
            if len(self._purses) > KEPT:
                self._purses.popitem(last=False)
        else:
            self._purses.move_to_end(key)
        return purse
