"""Who somebody is, as a token proves it."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, proved until `expires_at` (Unix seconds), and how the names begin that they may open for an
    application.
    """

    tenant: str
    user_id: str
    expires_at: float
    names: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Names this user among those of all tenants."""
        return f"{self.tenant}:{self.user_id}"

    def expires_in(self, now: float | None = None) -> int:
        """For how many seconds it is still good; `now` in Unix seconds."""
        return int(max(0.0, self.expires_at - (time.time() if now is None else now)))
