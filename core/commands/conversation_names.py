"""Resolve names of conversations: applications share a namespace, and every user has their own."""

from msgspec import structs

from core.domain.decision import Context, field_error
from core.ports.memberships import Memberships
from schemas import ids
from schemas.commands.conversation import CreateConversation
from schemas.names import NAME_CHARS, own_name, user_of


async def named(command: CreateConversation, context: Context, memberships: Memberships) -> CreateConversation:
    """Return the command with its full name.

    A name is the application's if the actor may open it for the application (`Context.names`), or if it names a
    conversation that they are or were in; any other is the user's own. Raises `Rejected`, `NotReady`, `Unavailable`.
    """
    name = command.external_id
    if name is None or user_of(name) is not None:
        return command
    if len(name) > NAME_CHARS:
        raise field_error("external_id", "bounds", f"a name has at most {NAME_CHARS} characters")
    if context.may_name(name):
        return command
    if command.kind == "group":
        key = ids.external_conversation_id(context.tenant, name)
        if not await _knows(memberships, key, context):
            await memberships.prove(key)
        if await _knows(memberships, key, context):
            return command
    return structs.replace(command, external_id=own_name(context.actor, name))


async def _knows(memberships: Memberships, conversation_id: str, context: Context) -> bool:
    """Return whether the actor is or was in it, by this node's view."""
    found = await memberships.find(conversation_id)
    return found is not None and found.tenant == context.tenant and context.actor in found.members
