"""Where the next page of a search begins: text that means nothing to a client, and holds for one user and question."""

import base64
import binascii
import hashlib
from typing import Final

import msgspec

from core.domain.decision import field_error
from core.identity import Identity
from core.ports.search_index import Hit
from schemas.commands.queries import SearchMessages

_decoder: Final = msgspec.json.Decoder(tuple[int, str, str])


def cursor(who: Identity, asked: SearchMessages, place: Hit) -> str:
    """The cursor that stands for a place in what this user asked."""
    value = msgspec.json.encode((place.order, place.message_id, _bound(who, asked, place)))
    return base64.urlsafe_b64encode(value).decode()


def place_of(who: Identity, asked: SearchMessages) -> Hit | None:
    """Where this question goes on; None: it begins. Raises `Rejected` for a cursor of another user or question."""
    if asked.after is None:
        return None
    try:
        order, message_id, bound = _decoder.decode(base64.b64decode(asked.after, altchars=b"-_", validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        order, message_id, bound = 0, "", ""
    place = Hit(order, message_id)
    if bound != _bound(who, asked, place):
        raise field_error("after", "value", "this cursor is of another search: `after` continues the same one alone")
    return place


def _bound(who: Identity, asked: SearchMessages, place: Hit) -> str:
    """A digest of all that a cursor holds for. No secret: a place says only from where one's own messages are found."""
    question = (asked.text, asked.conversation_id, asked.sender, asked.prefix)
    about = (who.tenant, who.user_id, *question, place.order, place.message_id)
    return hashlib.blake2b(msgspec.json.encode(about), digest_size=12).hexdigest()
