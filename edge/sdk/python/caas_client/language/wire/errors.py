# Generated from schemas/wire/errors.py by `python -m schemas.export`: do not edit.
"""The table of all errors that a client can receive: error codes for frames and HTTP, close codes for sockets."""

from dataclasses import dataclass
from typing import Final

import msgspec


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One error: `status` is HTTP's, `retry` says whether the same request may succeed later."""

    code: str
    title: str
    status: int
    retry: bool = False


ERRORS: Final = {
    error.code: error
    for error in (
        ErrorCode("invalid_json", "The frame is not JSON or not an object with a type", 400),
        ErrorCode("unknown_command", "There is no such command", 400),
        ErrorCode("validation_failed", "A field is missing, of the wrong type or out of its bounds", 422),
        ErrorCode("unauthorized", "The credentials are missing or wrong", 401),
        ErrorCode("token_expired", "The token has expired", 401),
        ErrorCode("not_a_participant", "You are not a participant of this conversation", 403),
        ErrorCode("not_allowed", "Your role does not allow this", 403),
        ErrorCode("not_the_author", "Only its author may change a message", 403),
        ErrorCode("forbidden_origin", "Pages of this origin may not connect", 403),
        ErrorCode("rate_limited", "Too many requests: wait for retry_after_ms", 429, retry=True),
        ErrorCode("not_found", "There is nothing at this address", 404),
        ErrorCode("method_not_allowed", "This address does not take this method", 405),
        ErrorCode("conversation_not_found", "There is no such conversation", 404),
        ErrorCode("participant_not_found", "A named user is not in this conversation", 404),
        ErrorCode("message_not_found", "There is no such message, or it was deleted", 404),
        ErrorCode("idempotency_conflict", "This client key was used before with another body", 409),
        ErrorCode("edit_limit", "The message was edited too often", 409),
        ErrorCode("reaction_limit", "The message has the maximum number of reactions", 409),
        ErrorCode("pin_limit", "The conversation has the maximum number of pins", 409),
        ErrorCode("member_limit", "The group has the maximum number of members", 409),
        ErrorCode("conversation_limit", "A user is in the maximum number of conversations", 409),
        ErrorCode("last_owner", "A group must keep an owner: make another member owner first", 409),
        ErrorCode("too_large", "The request is larger than the limit", 413),
        ErrorCode("not_ready", "A view needed to decide this lags behind the log; nothing was done", 503, retry=True),
        ErrorCode("search_timeout", "The search took too long: narrow it, or search again", 503, retry=True),
        ErrorCode("unavailable", "A required server is down; nothing was done", 503, retry=True),
        ErrorCode("outcome_unknown", "The log did not answer in time: repeat with the same key", 504, retry=True),
        ErrorCode("internal", "Something went wrong on our side", 500, retry=True),
    )
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """An error as a client receives it: one entry of the table, with the detail of this case."""

    code: str
    title: str
    detail: str
    retry: bool
    retry_after_ms: int | None = None
    errors: list[dict[str, str]] | None = None


def problem(
    code: str, detail: str = "", *, retry_after_ms: int | None = None, errors: list[dict[str, str]] | None = None
) -> Problem:
    """Return the problem with this code; `errors` names the fields, each `{pointer, code}`. Raises KeyError."""
    entry = ERRORS[code]
    return Problem(
        code=code,
        title=entry.title,
        detail=detail or entry.title,
        retry=entry.retry,
        retry_after_ms=retry_after_ms,
        errors=errors,
    )


@dataclass(frozen=True, slots=True)
class CloseCode:
    """The reason why a socket was closed; its range tells a client whether to reconnect."""

    code: int
    name: str
    meaning: str

    @property
    def reconnect(self) -> bool:
        """Whether a client should reconnect: after 4000-4499 and the going-away codes, and no others."""
        return 4000 <= self.code < 4500 or self.code in {1001, 1011, 1012, 1013}


CLOSES: Final = {
    close.name: close
    for close in (
        CloseCode(1000, "normal", "Closed on request"),
        CloseCode(1001, "going_away", "The node shuts down: reconnect"),
        CloseCode(1002, "protocol_error", "A frame that violates the WebSocket protocol, such as one without a mask"),
        CloseCode(1009, "frame_too_large", "A frame was larger than hello.limits.frame"),
        CloseCode(1011, "internal", "Something went wrong on our side: reconnect with backoff"),
        CloseCode(4101, "draining", "The node drains: reconnect after reconnect_after_ms"),
        CloseCode(4401, "token_expired", "Fetch a new token, then reconnect"),
        CloseCode(4408, "slow_consumer", "You did not read fast enough: reconnect and sync"),
        CloseCode(4429, "rate_limited", "Too many connections, pings or fragments: reconnect after a second or more"),
        CloseCode(4501, "bad_token", "The token is missing, wrong or came too late"),
        CloseCode(4506, "bad_protocol", "No subprotocol in common"),
        CloseCode(4507, "connection_limit", "This user has the maximum number of connections"),
        CloseCode(4509, "too_many_errors", "Too many consecutive frames that are not commands"),
        CloseCode(4510, "malformed_frame", "A binary frame: this protocol is text"),
    )
}
