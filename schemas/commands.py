"""What a client may ask for: one struct per command, its tag the frame's `type`."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from schemas.errors import Problem, problem
from schemas.events import Kind, Role
from schemas.invalid import misfit, validation_failed

FRAME_BYTES: Final = 65_536
TEXT_CHARS: Final = 20_000
IN_FLIGHT: Final = 64
COMMANDS_PER_S: Final = 100
COMMANDS_BURST: Final = 100
"""How fast one connection is read, unless a node is set otherwise."""
MEMBERS_PER_COMMAND: Final = 500
SYNC_ROWS: Final = 1_000

Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")]
Key = Annotated[str, Meta(min_length=1, max_length=128)]
UserId = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.@+=~-]+\Z")]
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS)]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Page = Annotated[int, Meta(ge=1, le=200)]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Members = Annotated[list[UserId], Meta(min_length=1, max_length=MEMBERS_PER_COMMAND)]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A command's data. Where `client_key` is left out, the correlation id stands for it."""


class SendMessage(Ask, frozen=True, kw_only=True, tag="message:send"):
    """Say something in a conversation."""

    conversation_id: Uuid
    client_msg_id: Key
    text: Text
    reply_to: Uuid | None = None


class EditMessage(Ask, frozen=True, kw_only=True, tag="message:edit"):
    """Replace the text of one's own message."""

    conversation_id: Uuid
    message_id: Uuid
    text: Text
    client_key: Key | None = None


class DeleteMessage(Ask, frozen=True, kw_only=True, tag="message:delete"):
    """Withdraw a message for everyone: one's own, or any as an owner or admin."""

    conversation_id: Uuid
    message_id: Uuid


class CreateConversation(Ask, frozen=True, kw_only=True, tag="conversation:create"):
    """Open a conversation; with an `external_id` or as `direct`, opening it twice opens the same one."""

    kind: Kind = "group"
    external_id: Key | None = None
    title: Title | None = None
    participants: Annotated[list[UserId], Meta(max_length=MEMBERS_PER_COMMAND)] = []
    client_key: Key | None = None


class AddParticipants(Ask, frozen=True, kw_only=True, tag="conversation:add-participants"):
    """Let people in."""

    conversation_id: Uuid
    participants: Members
    role: Role = "member"
    client_key: Key | None = None


class RemoveParticipants(Ask, frozen=True, kw_only=True, tag="conversation:remove-participants"):
    """Show people out."""

    conversation_id: Uuid
    participants: Members
    client_key: Key | None = None


class LeaveConversation(Ask, frozen=True, kw_only=True, tag="conversation:leave"):
    """Go oneself."""

    conversation_id: Uuid
    client_key: Key | None = None


class GetConversation(Ask, frozen=True, kw_only=True, tag="conversation:get"):
    """One conversation with its participants."""

    conversation_id: Uuid


class ListConversations(Ask, frozen=True, kw_only=True, tag="conversation:list"):
    """One's own conversations, by id; `after` is the last id of the page before."""

    after: Uuid | None = None
    limit: Page = 100


class Sync(Ask, frozen=True, kw_only=True, tag="sync"):
    """What happened beyond these positions: conversation → lane → n."""

    positions: dict[Uuid, dict[str, Number]]


class SearchMessages(Ask, frozen=True, kw_only=True, tag="search:messages"):
    """Messages of one's own conversations that contain these words."""

    text: Annotated[str, Meta(min_length=1, max_length=500)]
    conversation_id: Uuid | None = None
    limit: Page = 20


MessageCommand = SendMessage | EditMessage | DeleteMessage
ConversationCommand = CreateConversation | AddParticipants | RemoveParticipants | LeaveConversation
Query = GetConversation | ListConversations | Sync | SearchMessages
Command = MessageCommand | ConversationCommand | Query

COMMANDS: Final[dict[str, type[Command]]] = {
    str(command.__struct_config__.tag): command
    for command in (
        SendMessage,
        EditMessage,
        DeleteMessage,
        CreateConversation,
        AddParticipants,
        RemoveParticipants,
        LeaveConversation,
        GetConversation,
        ListConversations,
        Sync,
        SearchMessages,
    )
}
NAME_OF: Final[dict[type[Command], str]] = {command: name for name, command in COMMANDS.items()}


FrameId = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=128)] | None
"""What a client calls its command by; its reply has the same. `None` where it said nothing that could be one."""


class Frame(msgspec.Struct, frozen=True):
    """What every frame from a client has around its data; `correlation_id` is a UUID."""

    type: str
    id: FrameId = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    correlation_id: Uuid | None = None
    retry: bool = False


class Invalid(ValueError):
    """A frame that is no command, with what to tell the client and the frame's id where it could be read."""

    def __init__(self, problem: Problem, frame_id: FrameId = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.frame_id = frame_id


class _Named(msgspec.Struct):
    id: FrameId = None


_FRAME: Final = msgspec.json.Decoder(Frame)
_ID: Final = msgspec.json.Decoder(_Named)
_DATA: Final[dict[str, msgspec.json.Decoder[Command]]] = {
    name: msgspec.json.Decoder(command) for name, command in COMMANDS.items()
}


def decode_frame(text: str | bytes) -> Frame:
    """The frame around a command. Raises `Invalid`."""
    try:
        return _FRAME.decode(text)
    except msgspec.ValidationError as error:
        pointer, _, reason = misfit(error)
        what = problem("invalid_json", reason) if pointer in {"", "/type"} else validation_failed(error)
        raise Invalid(what, _frame_id(text)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Invalid(problem("invalid_json", str(error))) from None
    except RecursionError:
        raise Invalid(problem("invalid_json", "nested too deeply")) from None


def decode_command(frame: Frame) -> Command:
    """The command in a frame. Raises `Invalid`."""
    decoder = _DATA.get(frame.type)
    if decoder is None:
        raise Invalid(problem("unknown_command", f"{frame.type[:80]!r} is no command of caas.v1"), frame.id)
    try:
        return decoder.decode(frame.data)
    except msgspec.ValidationError as error:
        raise Invalid(validation_failed(error, "/data"), frame.id) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Invalid(problem("invalid_json", str(error)), frame.id) from None
    except RecursionError:
        raise Invalid(problem("invalid_json", "nested too deeply"), frame.id) from None


def _frame_id(text: str | bytes) -> FrameId:
    """The id of a frame that is wrong elsewhere, so that its sender can tell which one it was."""
    try:
        return _ID.decode(text).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
