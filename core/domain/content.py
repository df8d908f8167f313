"""What its sender put into a message: two sends under one client key are the same where this is the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain import metadata
from core.domain.characters import blank
from core.domain.decision import field_error
from schemas.commands import Attached, EditMessage, ForwardMessage, SendMessage
from schemas.events import Attachment, MessageSent


@dataclass(frozen=True, slots=True)
class Content:
    """`metadata` is JSON text. A forward's content is the `origin`, the message that it passes on: what that says may
    change in between.
    """

    text: str = ""
    ciphertext: str | None = None
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    metadata: str | None = None
    origin: str | None = None


def of_command(command: SendMessage | ForwardMessage) -> Content:
    """What a command asks to be said."""
    if isinstance(command, ForwardMessage):
        return Content(origin=command.message_id)
    return Content(
        text=command.text or "",
        ciphertext=command.ciphertext,
        reply_to=command.reply_to,
        attachments=tuple(map(attachment, command.attachments)),
        metadata=metadata.text_of(command.metadata or None),
    )


def hash_of(command: SendMessage | ForwardMessage) -> int:
    """The same for the same content, within this process; a plain text, which most are, costs next to nothing."""
    if isinstance(command, ForwardMessage) or command.attachments or command.metadata or command.ciphertext is not None:
        return hash(of_command(command))
    return hash((command.text, command.reply_to))


def of_event(event: MessageSent) -> Content:
    """What was asked to be said."""
    if event.forwarded_from:
        return Content(origin=event.forwarded_from[-1].message_id)
    return Content(
        text=event.text,
        ciphertext=event.ciphertext,
        reply_to=event.reply_to,
        attachments=tuple(event.attachments),
        metadata=metadata.text_of(event.metadata),
    )


def attachment(attached: Attached) -> Attachment:
    """A file that a command names, as the event has it."""
    return Attachment(
        media_id=attached.media_id, name=attached.name, content_type=attached.content_type, size=attached.size
    )


def check(command: SendMessage | EditMessage) -> None:
    """Raises `Rejected` where the command says something in two ways, in words and as a ciphertext, or nothing that can
    be seen.
    """
    if command.ciphertext is not None and command.text is not None:
        raise field_error("text", "value", "a message is a text or a ciphertext, not both")
    check_seen("text", command.text)


def check_seen(field: str, text: str | None) -> None:
    """Raises `Rejected` for a text of this field in which nothing can be seen."""
    if text is not None and blank(text):
        raise field_error(field, "value", "there is nothing to be seen in it")


def check_names(attachments: Sequence[Attached]) -> None:
    """Raises `Rejected` for a file whose name cannot be seen."""
    for n, one in enumerate(attachments):
        check_seen(f"attachments/{n}/name", one.name)


def check_says(command: SendMessage | EditMessage, attachments: Sequence[object]) -> None:
    """Raises `Rejected` unless the message says something: in words, as a ciphertext, or by its `attachments` alone."""
    if command.text is None and command.ciphertext is None and not attachments:
        raise field_error("text", "missing", "there is nothing in the message")
