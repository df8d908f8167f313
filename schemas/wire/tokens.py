"""Requests and answers of the gateway's token route, and the form of HTTP errors (RFC 9457)."""

from typing import Final

import msgspec

from schemas.bounds import UserId
from schemas.names import Names

TOKEN_PATH: Final = "/api/v1/auth/sdk/token"  # noqa: S105 - a path
APP_KEY: Final = "X-App-Key"
APP_SECRET: Final = "X-App-Secret"  # noqa: S105 - the name of a header
PROBLEM_JSON: Final = "application/problem+json"


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An application requests a token for one of its users, who may open its conversations with these name prefixes."""

    user_id: UserId
    names: Names = []


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The data to open a socket: the token, its validity in seconds, and the nodes' URLs."""

    token: str
    expires_in: int
    socket_urls: list[str]
    token_type: str = "Bearer"  # noqa: S105 - a scheme


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the table of errors in HTTP's form; `type` is `urn:caas:error:` and the code."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    correlation_id: str
    retry: bool
    retry_after_ms: int | None = None
    errors: list[dict[str, str]] | None = None
