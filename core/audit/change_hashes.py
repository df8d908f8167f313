"""Hashes of what an action changed: whoever has the former or the later text, title or roles can show that it is the
one, and the audit log has no content. A hash is SHA-256, in hex, of canonical JSON (`core.audit.canonical`):

- of a message `{"text": TEXT}`, or `{"ciphertext": CIPHERTEXT}` of one that is encrypted
- of a conversation `{"title": TITLE}`, null where it has none
- of members `{"roles": {USER: ROLE}}` of those that the action names

What was there before is what the node decided on: of two changes at once, both have the same before.
"""

from hashlib import sha256
from typing import TypeVar

from msgspec import UNSET, structs

from core.audit.canonical import canonical
from core.domain import conversation, message
from core.domain.conversation import Conversation
from core.domain.message import Live
from schemas.events import ConversationChanged, Event, MessageDeleted, MessageEdited, RolesChanged

E = TypeVar("E", bound=Event)


def with_before(event: E, state: message.State | conversation.State) -> E:
    """Return the event with the hash of what it changes of the state that it was decided on, if it changes such."""
    match event, state:
        case MessageEdited() | MessageDeleted(), Live():
            before = _of_content(state.text, state.ciphertext)
        case ConversationChanged(), Conversation() if event.title is not UNSET:
            before = _of_title(state.title)
        case RolesChanged(), Conversation():
            before = _of_roles({user: state.members[user].role for user in event.roles if state.is_member(user)})
        case _:
            return event
    return structs.replace(event, before=before)


def before_of(event: Event) -> str | None:
    """Return the hash of what was there before, None where the event does not say."""
    if isinstance(event, MessageEdited | MessageDeleted | ConversationChanged | RolesChanged):
        return event.before
    return None


def after_of(event: Event) -> str | None:
    """Return the hash of what the event puts there, None where it puts nothing such."""
    match event:
        case MessageEdited():
            return _of_content(event.text, event.ciphertext)
        case ConversationChanged() if event.title is not UNSET:
            return _of_title(event.title)
        case RolesChanged():
            return _of_roles(event.roles)
        case _:
            return None


def _of_content(text: str, ciphertext: str | None) -> str:
    return _hash({"text": text} if ciphertext is None else {"ciphertext": ciphertext})


def _of_title(title: object) -> str:
    return _hash({"title": title})


def _of_roles(roles: object) -> str:
    return _hash({"roles": roles})


def _hash(value: object) -> str:
    return sha256(canonical(value)).hexdigest()
