"""Names of conversations: an application's have no prefix, a user's own begin with `@` and the user id. And roles."""

import re
from typing import Annotated, Final, Literal

from msgspec import Meta

NAME_CHARS: Final = 128
"""Maximum length of a name without the user prefix, in characters."""
NAMES_PER_TOKEN: Final = 20
ExternalId = Annotated[str, Meta(min_length=1, max_length=2 * NAME_CHARS + 2)]
"""A name, with or without its user prefix: `@ann/lunch`."""
Names = Annotated[list[Annotated[str, Meta(max_length=NAME_CHARS)]], Meta(max_length=NAMES_PER_TOKEN)]
"""Prefixes of the names that an application allows a user to open; the empty text is a prefix of every name."""
StaffRole = Literal["compliance_officer", "sre", "admin", "service"]
"""What a token's holder may do beside chatting: query the audit log, follow traces, administer, or, as a service beside
the system, report to the audit log.
"""
StaffRoles = Annotated[list[StaffRole], Meta(max_length=4)]
_OWN: Final = re.compile(r"@([A-Za-z0-9_.@+=~-]+)/(.+)", re.DOTALL)


def own_name(user_id: str, name: str) -> str:
    """Return a user's own name in full; it differs from every other user's and every application's."""
    return f"@{user_id}/{name}"


def user_of(external_id: str) -> str | None:
    """Return the user whose own name this is; None for an application's."""
    found = _OWN.match(external_id)
    return None if found is None else found[1]


def bare_name(external_id: str) -> str:
    """Return a name without its user prefix; an application's has none."""
    found = _OWN.match(external_id)
    return external_id if found is None else found[2]
