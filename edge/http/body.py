"""Read the JSON body of a request, of a bounded size."""

from typing import TypeVar

import msgspec
from aiohttp import web

from edge.http.problems import HttpProblem
from schemas.wire.errors import problem
from schemas.wire.field_errors import validation_failed

T = TypeVar("T")


async def body_of(request: web.Request, decoder: msgspec.json.Decoder[T], limit: int) -> T:
    """Return the body, of at most `limit` bytes. Raises `HttpProblem`: `too_large`, `validation_failed`,
    `invalid_json`.
    """
    try:
        body = await request.content.read(limit + 1)
        while len(body) <= limit and (more := await request.content.read(limit + 1 - len(body))):
            body += more
        if len(body) > limit:
            raise HttpProblem(problem("too_large", f"a request has at most {limit} bytes"))
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise HttpProblem(validation_failed(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise HttpProblem(problem("invalid_json", "the body is no JSON object")) from None
