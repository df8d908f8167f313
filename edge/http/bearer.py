"""Who calls over HTTP: the token in the header `Authorization`, and the roles that it has."""

from aiohttp import web

from core.identity import Identity
from edge.auth.tokens import NotAuthorized, Tokens
from edge.http.problems import HttpProblem
from schemas.wire.errors import problem


def token_of(request: web.Request) -> str | None:
    """Return the token of a request; None if it has none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def caller(request: web.Request, tokens: Tokens) -> Identity:
    """Return who calls. Raises `HttpProblem`: `unauthorized`, `token_expired`."""
    token = token_of(request)
    if token is None:
        raise HttpProblem(problem("unauthorized", "the header Authorization has no token: `Bearer TOKEN`"))
    try:
        return tokens.verify(token)
    except NotAuthorized as error:
        raise HttpProblem(problem(error.code, error.detail)) from None
