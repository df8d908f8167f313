"""The identity of a user, as a token proves it."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of a tenant, proved until `expires_at` (Unix seconds); `names` are the prefixes of the names under which
    the user may open conversations for an application, `roles` what else they may do, such as `compliance_officer`.
    """

    tenant: str
    user_id: str
    expires_at: float
    names: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The key of this user, unique among all tenants."""
        return f"{self.tenant}:{self.user_id}"

    def expires_in(self, now: float | None = None) -> int:
        """Return the seconds until it expires, at least 0; `now` in Unix seconds."""
        return int(max(0.0, self.expires_at - (time.time() if now is None else now)))
