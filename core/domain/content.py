"""Content is what the sender put into a message: two sends with one client key are equal if it is equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from core.domain import metadata
from core.domain.characters import blank
from core.domain.decision import field_error
from schemas.commands.message import Attached, DeleteMessage, EditMessage, ForwardMessage, SendMessage
from schemas.events import Attachment, MessageSent


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a message. `metadata` is JSON text. The content of a forward is its `origin`, the forwarded
    message, whose text may change meanwhile.
    """

    text: str = ""
    ciphertext: str | None = None
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    metadata: str | None = None
    origin: str | None = None


def of_command(command: SendMessage | ForwardMessage | EditMessage | DeleteMessage) -> Content:
    """Return the content of a command; a deletion leaves none."""
    match command:
        case ForwardMessage():
            return Content(origin=command.message_id)
        case EditMessage():
            return Content(text=command.text or "", ciphertext=command.ciphertext)
        case DeleteMessage():
            return Content()
        case SendMessage():
            return _of_send(command)
        case _:
            assert_never(command)


def _of_send(command: SendMessage) -> Content:
    return Content(
        text=command.text or "",
        ciphertext=command.ciphertext,
        reply_to=command.reply_to,
        attachments=tuple(map(attachment, command.attachments)),
        metadata=metadata.text_of(command.metadata or None),
    )


def repeated(command: SendMessage | ForwardMessage) -> Content | tuple[str | None, str | None]:
    """Return what a retry must repeat, equal for equal content; cheap for a plain text, as most are."""
    if isinstance(command, ForwardMessage) or command.attachments or command.metadata or command.ciphertext is not None:
        return of_command(command)
    return command.text, command.reply_to


def of_event(event: MessageSent) -> Content:
    """Return the content of the command behind an event."""
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
    """Return an attached file of a command as the event has it."""
    return Attachment(
        media_id=attached.media_id, name=attached.name, content_type=attached.content_type, size=attached.size
    )


def check(command: SendMessage | EditMessage) -> None:
    """Check the text of a command. Raises `Rejected` if it has both a text and a ciphertext, or an invisible text."""
    if command.ciphertext is not None and command.text is not None:
        raise field_error("text", "value", "a message is a text or a ciphertext, not both")
    check_seen("text", command.text)


def check_seen(field: str, text: str | None) -> None:
    """Check that a text of this field is visible. Raises `Rejected`."""
    if text is not None and blank(text):
        raise field_error(field, "value", "it has no visible character")


def check_names(attachments: Sequence[Attached]) -> None:
    """Check that the names of files are visible. Raises `Rejected`."""
    for n, one in enumerate(attachments):
        check_seen(f"attachments/{n}/name", one.name)


def check_says(command: SendMessage | EditMessage, attachments: Sequence[object]) -> None:
    """Check that the message has a text, a ciphertext or `attachments`. Raises `Rejected`."""
    if command.text is None and command.ciphertext is None and not attachments:
        raise field_error("text", "missing", "there is nothing in the message")
