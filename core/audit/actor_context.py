"""How an actor came here: the session, the network address and the user agent, as a short text in a record's header."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

MAX_AGENT_BYTES: Final = 200
"""Maximum size of a user agent in bytes."""
MAX_BYTES: Final = 400
"""Maximum size of a text in bytes, below `schemas.envelope.MAX_HEADER_BYTES`."""


class ActorContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The context of an actor; what is not known is None."""

    session: str | None = None
    address: str | None = None
    agent: Annotated[str, Meta(max_length=MAX_AGENT_BYTES)] | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(ActorContext)
NOBODY: Final = ActorContext()


def text_of(session: str, address: str, agent: str = "") -> str:
    """Return the header's text, of at most `MAX_BYTES`; an agent that is too long for it is cut."""
    agent = agent_of(agent) or ""
    while len(text := _text_of(session, address, agent)) > MAX_BYTES:  # JSON escapes quotes and control characters
        agent = agent[: len(agent) // 2]
    return text.decode()


def _text_of(session: str, address: str, agent: str) -> bytes:
    return _encoder.encode(ActorContext(session=session, address=address or None, agent=agent or None))


def agent_of(header: str) -> str | None:
    """Return the user agent in a header as a record has it: cut, and with what is no text replaced; None of none."""
    return header.encode(errors="replace")[:MAX_AGENT_BYTES].decode(errors="ignore") or None


def context_of(text: str) -> ActorContext:
    """Return the context in a header's text; that of nobody where it has none."""
    try:
        return _decoder.decode(text) if text else NOBODY
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return NOBODY
