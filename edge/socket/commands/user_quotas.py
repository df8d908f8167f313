"""What one user may ask for, on however many connections and nodes: so many commands, each by what it costs, and of
those so many searches.

Beyond it a command is answered `rate_limited` and not carried out; that is counted, and is no record. How many members
a group may have, and whom one may let in, lies beside it, and is decided by the handler.
"""

import math
from typing import Final

from core.commands.join_policy import ANYBODY, JoinPolicy
from core.health import Health
from core.identity import Identity
from core.ports.limits import Limits, Rate
from core.settings import Settings
from edge.socket.commands.leased_limit import LeasedLimit
from edge.socket.session.protocol import CommandReceived
from schemas.commands.costs import cost_of
from schemas.commands.queries import SearchMessages
from schemas.wire import frames
from schemas.wire.errors import Problem, problem

MINUTE_S: Final = 60


class UserQuotas:
    """The allowances of one node's users; None is no limit."""

    def __init__(
        self,
        health: Health,
        commands: LeasedLimit | None = None,
        searches: LeasedLimit | None = None,
        letting_in: JoinPolicy = ANYBODY,
    ) -> None:
        self._health = health
        self._commands = commands
        self._searches = searches
        self.letting_in = letting_in

    @property
    def told(self) -> dict[str, int]:
        """What `hello.limits` says of them: 0 where there is no limit."""
        commands, searches = _rate_of(self._commands), _rate_of(self._searches)
        return {
            "members": self.letting_in.members,
            "user_commands_per_s": round(commands.per_s),
            "user_commands_burst": commands.burst,
            "user_searches_per_min": round(searches.per_s * MINUTE_S),
        }

    async def refusal(self, who: Identity, asked: CommandReceived) -> bytes | None:
        """The answer to a command that is one too many; None for one that may be carried out."""
        no = await self._spent(self._commands, who, "commands", cost_of(asked.command))
        if no is None and isinstance(asked.command, SearchMessages):
            no = await self._spent(self._searches, who, "searches")
        return None if no is None else frames.error(asked.frame_id, no, asked.correlation_id)

    async def entry(self, who: Identity) -> Problem | None:
        """Why this user may not come in now; coming in costs what a send does."""
        return await self._spent(self._commands, who, "commands")

    async def _spent(self, portions: LeasedLimit | None, who: Identity, what: str, cost: int = 1) -> Problem | None:
        if portions is None:
            return None
        wait_s = await portions.spend(who.key, cost)
        if not wait_s:
            return None
        self._health.count("rate_limited")
        counts = f", of which this one counts as {cost}" if cost > 1 else ""
        detail = f"{what} of this user came too fast, over all connections: {_words(portions.rate)}{counts}"
        return problem("rate_limited", detail, retry_after_ms=math.ceil(wait_s * 1000))


def _rate_of(limit: LeasedLimit | None) -> Rate:
    return limit.rate if limit else Rate(0, 0)


def _words(rate: Rate) -> str:
    often = f"{rate.per_s:g} a second" if rate.per_s >= 1 else f"{rate.per_s * MINUTE_S:g} a minute"
    return f"{often} and {rate.burst} at once after a rest are taken"


def user_quotas_of(settings: Settings, limits: Limits, health: Health) -> UserQuotas:
    """As the settings say."""
    per_s, searches = settings.user_commands_per_s, settings.user_searches_per_min
    return UserQuotas(
        health,
        LeasedLimit("commands", Rate(per_s, settings.user_commands_burst), limits) if per_s else None,
        LeasedLimit("searches", Rate(searches / MINUTE_S, searches), limits, portion=1) if searches else None,
        JoinPolicy(settings.conversation_members, settings.add_policy),
    )
