"""Tokens issues and verifies the short-lived tokens that open a socket: signed by the gateway, checked by each node
alone.
"""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final
from uuid import uuid4

import jwt
import msgspec

from core.identity import Identity
from schemas.bounds import UserId
from schemas.names import Names, StaffRoles

ALGORITHM: Final = "HS256"
AUDIENCE: Final = "caas"
SECRET_BYTES: Final = 32
SKEW_S: Final = 30.0
"""Tolerance for the difference between the clocks of gateways and nodes."""
_CLAIMS: Final = ["sub", "tenant", "aud", "exp", "iat", "jti"]


class NotAuthorized(Exception):
    """A token that is not accepted; `code` is `unauthorized` or `token_expired`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class Tokens:
    """Issues and verifies tokens: JWT with HS256 only. `secret` has at least 32 bytes; raises `ValueError`.

    Only tokens of these `tenants` are accepted; if it is empty, those of all tenants.
    """

    def __init__(
        self, secret: str, ttl_s: int, now: Callable[[], float] = time.time, tenants: Collection[str] = ()
    ) -> None:
        if len(secret.encode()) < SECRET_BYTES:
            raise ValueError(f"the token secret needs at least {SECRET_BYTES} bytes")
        self._secret = secret
        self._ttl_s = ttl_s
        self._now = now
        self._tenants = tenants

    def issue(self, tenant: str, user_id: str, names: Sequence[str] = (), roles: Sequence[str] = ()) -> tuple[str, int]:
        """Return a token and its lifetime in seconds. Raises `msgspec.ValidationError` for an invalid user id, prefix
        of names or role.
        """
        issued = int(self._now())
        claims = {
            "sub": msgspec.convert(user_id, UserId),
            "tenant": tenant,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + self._ttl_s,
            "jti": str(uuid4()),
        }
        if names:
            claims["names"] = msgspec.convert(names, Names)
        if roles:
            claims["roles"] = msgspec.convert(roles, StaffRoles)
        return jwt.encode(claims, self._secret, ALGORITHM), self._ttl_s

    def verify(self, token: str, held: Identity | None = None) -> Identity:
        """Return the identity in a token; it must be of the same user as `held`, if given. Raises `NotAuthorized`."""
        claims = self._claims(token)
        try:
            identity = Identity(
                tenant=msgspec.convert(claims["tenant"], str),
                user_id=msgspec.convert(claims["sub"], UserId),
                expires_at=msgspec.convert(claims["exp"], float),
                names=tuple(msgspec.convert(claims.get("names", []), Names)),
                roles=tuple(msgspec.convert(claims.get("roles", []), list[str])),
            )
        except msgspec.ValidationError:
            raise NotAuthorized("unauthorized", "a claim of the token is not what it must be") from None
        if not identity.tenant:
            raise NotAuthorized("unauthorized", "the token names no tenant")
        if self._tenants and identity.tenant not in self._tenants:
            raise NotAuthorized("unauthorized", "the token is of a tenant that is not served here")
        if held is not None and (identity.tenant, identity.user_id) != (held.tenant, held.user_id):
            raise NotAuthorized("unauthorized", "the token is of another user than this line")
        self._check_times(claims, identity.expires_at)
        return identity

    def _check_times(self, claims: dict[str, Any], expires_at: float) -> None:
        """Raise `NotAuthorized` for a token that has expired or is not valid yet."""
        now = self._now()
        if expires_at <= now:
            raise NotAuthorized("token_expired")
        try:
            begins = [msgspec.convert(claims[name], float) for name in ("iat", "nbf") if name in claims]
        except msgspec.ValidationError:
            raise NotAuthorized("unauthorized", "the times of the token are no numbers") from None
        if max(begins) > now + SKEW_S:
            raise NotAuthorized("unauthorized", "the token is not good yet: its iat or nbf lies in the future")

    def _claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a correctly signed token; its times are checked later, with our own clock."""
        try:
            return jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.InvalidTokenError, UnicodeError, RecursionError):
            raise NotAuthorized("unauthorized", "the token is none of ours") from None
