"""The cursor of a search: opaque text, valid for one user and one search only."""

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


def cursor(who: Identity, request: SearchMessages, place: Hit) -> str:
    """Return the cursor for a place in this user's search."""
    value = msgspec.json.encode((place.order, place.message_id, _bound(who, request, place)))
    return base64.urlsafe_b64encode(value).decode()


def place_of(who: Identity, request: SearchMessages) -> Hit | None:
    """Return where a search continues; None if it begins. Raises `Rejected` for a cursor of another user or search."""
    if request.after is None:
        return None
    try:
        order, message_id, bound = _decoder.decode(base64.b64decode(request.after, altchars=b"-_", validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        order, message_id, bound = 0, "", ""
    place = Hit(order, message_id)
    if bound != _bound(who, request, place):
        raise field_error("after", "value", "this cursor is of another search: `after` continues the same one alone")
    return place


def _bound(who: Identity, request: SearchMessages, place: Hit) -> str:
    """Return a digest of the user, search and place of a cursor. It is no secret: a place selects own messages only."""
    search = (request.text, request.conversation_id, request.sender, request.prefix)
    about = (who.tenant, who.user_id, *search, place.order, place.message_id)
    return hashlib.blake2b(msgspec.json.encode(about), digest_size=12).hexdigest()
