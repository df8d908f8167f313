"""Names of conversations: an application's stand alone, a user's own lie under `@` and the user id."""

import re
from typing import Annotated, Final

from msgspec import Meta

NAME_CHARS: Final = 128
"""Maximum of a name without the user before it."""
NAMES_PER_TOKEN: Final = 20
ExternalId = Annotated[str, Meta(min_length=1, max_length=2 * NAME_CHARS + 2)]
"""A name, or one with its user before it: `@ann/lunch`."""
Names = Annotated[list[Annotated[str, Meta(max_length=NAME_CHARS)]], Meta(max_length=NAMES_PER_TOKEN)]
"""How the names begin that an application lets somebody open; the empty text begins every name."""
_OWN: Final = re.compile(r"@([A-Za-z0-9_.@+=~-]+)/(.+)", re.DOTALL)


def own_name(user_id: str, name: str) -> str:
    """What a user's own name is in full; no two users have one in common, and no application has one."""
    return f"@{user_id}/{name}"


def user_of(external_id: str) -> str | None:
    """The user whose own name this is; None where it is an application's."""
    found = _OWN.match(external_id)
    return None if found is None else found[1]


def bare_name(external_id: str) -> str:
    """A name without the user before it; an application's is that already."""
    found = _OWN.match(external_id)
    return external_id if found is None else found[2]
