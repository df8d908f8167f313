"""The content of messages: mostly a few words, sometimes a mention, a file, a ciphertext, or a forward."""

import random

import msgspec

from schemas.commands.message import Attached, EditMessage, ForwardMessage, SendMessage

BLANK = " \u200b\x00"
PEOPLE = ("ann", "bob", "cem", "dee")


def said(room: str, key: str, count: int, chance: random.Random, answers: str | None = None) -> SendMessage:
    """Return a send, perhaps a reply."""
    say = SendMessage(conversation_id=room, client_msg_id=key, text=f"words {count}", reply_to=answers)
    roll = chance.random()
    if roll < 0.15:
        return msgspec.structs.replace(say, text=f"words {count} @{chance.choice(PEOPLE)}, @eve")
    if roll < 0.22:
        return msgspec.structs.replace(say, text=None, ciphertext=f"sealed {count}", mentions=[chance.choice(PEOPLE)])
    if roll < 0.3:
        file = Attached(media_id=key, name=f"file {count}", size=count)
        return msgspec.structs.replace(say, text=None, attachments=[file], metadata={"$a.b": [count, None]})
    if roll < 0.32:
        return msgspec.structs.replace(say, text=BLANK)
    return say


def edited(where: str, message: str, key: str, count: int, chance: random.Random) -> EditMessage:
    """Return an edit to a text, a ciphertext or nothing, whatever it was before."""
    edit = EditMessage(conversation_id=where, message_id=message, client_key=key)
    roll = chance.random()
    if roll < 0.1:
        return msgspec.structs.replace(edit, ciphertext=f"sealed {count}")
    if roll < 0.2:
        return edit
    return msgspec.structs.replace(edit, text=f"other {count} @{chance.choice(PEOPLE)}")


def passed_on(where: str, message: str, room: str, key: str) -> ForwardMessage:
    """Return a forward to this room."""
    return ForwardMessage(conversation_id=room, client_msg_id=key, from_conversation_id=where, message_id=message)


def otherwise(
    command: SendMessage | EditMessage | ForwardMessage,
) -> SendMessage | EditMessage | ForwardMessage:
    """Return the command with the same key and another body."""
    if isinstance(command, ForwardMessage):
        return msgspec.structs.replace(command, message_id=command.client_msg_id)
    if isinstance(command, SendMessage) and command.attachments:
        return msgspec.structs.replace(command, metadata={"another": True})
    if command.ciphertext is not None:
        return msgspec.structs.replace(command, ciphertext=command.ciphertext + " or not")
    return msgspec.structs.replace(command, text=f"{command.text} or not")
