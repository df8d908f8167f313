"""UserQuotas limits the commands of one user, weighted by cost, and their searches, over all connections and nodes.

Beyond its quota a command is answered `rate_limited` and not executed; that is counted and not recorded. The join
policy (maximum number of members of a group and of conversations of a user, whom a user may add) is kept here too, and
enforced by the handler.
"""

import math
from typing import Final

from core.commands.join_policy import ANYBODY, JoinPolicy
from core.health import Health
from core.identity import Identity
from core.ports.limits import Limits
from core.rate_limit import Rate
from core.settings import Settings
from edge.socket.commands.leased_limit import LeasedLimit
from edge.socket.session.protocol import CommandReceived
from schemas.commands.queries import SearchMessages
from schemas.wire import frames
from schemas.wire.errors import Problem, problem

MINUTE_S: Final = 60


class UserQuotas:
    """Enforces the quotas of one node's users; None is no limit."""

    def __init__(
        self,
        health: Health,
        commands: LeasedLimit | None = None,
        searches: LeasedLimit | None = None,
        join_policy: JoinPolicy = ANYBODY,
    ) -> None:
        self._health = health
        self._commands = commands
        self._searches = searches
        self.join_policy = join_policy

    @property
    def limits(self) -> dict[str, int]:
        """The quotas as `hello.limits` has them: 0 where there is no limit."""
        commands, searches = _rate_of(self._commands), _rate_of(self._searches)
        return {
            "members": self.join_policy.members,
            "user_conversations": self.join_policy.conversations,
            "user_commands_per_s": round(commands.per_s),
            "user_commands_burst": commands.burst,
            "user_searches_per_min": round(searches.per_s * MINUTE_S),
        }

    async def refusal(self, who: Identity, request: CommandReceived) -> bytes | None:
        """Spend the cost of a command. Return the error frame if its quota is exceeded, else None."""
        rejection = await self._spend(self._commands, who, "commands", request.command.cost)
        if rejection is None and isinstance(request.command, SearchMessages):
            rejection = await self._spend(self._searches, who, "searches")
        if rejection is None:
            return None
        return frames.error(request.frame_id, rejection, request.correlation_id)

    async def entry(self, who: Identity) -> Problem | None:
        """Spend the cost of a login, that of a send. Return the problem if the quota is exceeded, else None."""
        return await self._spend(self._commands, who, "commands")

    async def _spend(self, limit: LeasedLimit | None, who: Identity, what: str, cost: int = 1) -> Problem | None:
        if limit is None:
            return None
        wait_s = await limit.spend(who.key, cost)
        if not wait_s:
            return None
        self._health.count("rate_limited")
        counts = f", of which this one counts as {cost}" if cost > 1 else ""
        detail = f"{what} of this user came too fast, over all connections: {_text_of(limit.rate)}{counts}"
        return problem("rate_limited", detail, retry_after_ms=math.ceil(wait_s * 1000))


def _rate_of(limit: LeasedLimit | None) -> Rate:
    return limit.rate if limit else Rate(0, 0)


def _text_of(rate: Rate) -> str:
    often = f"{rate.per_s:g} a second" if rate.per_s >= 1 else f"{rate.per_s * MINUTE_S:g} a minute"
    return f"{often} and {rate.burst} at once after a rest are taken"


def user_quotas_of(settings: Settings, limits: Limits, health: Health) -> UserQuotas:
    """Return the quotas of these settings."""
    per_s, searches = settings.user_commands_per_s, settings.user_searches_per_min
    return UserQuotas(
        health,
        LeasedLimit("commands", Rate(per_s, settings.user_commands_burst), limits) if per_s else None,
        LeasedLimit("searches", Rate(searches / MINUTE_S, searches), limits, lease_size=1) if searches else None,
        JoinPolicy(settings.conversation_members, settings.add_policy, settings.user_conversations),
    )
