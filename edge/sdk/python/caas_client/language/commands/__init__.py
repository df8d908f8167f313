# Generated from schemas/commands/__init__.py by `python -m schemas.export`: do not edit.
"""The commands of clients: one struct per command, whose tag is the frame's `type`; one file per aggregate.

A command is in the union of its aggregate, which the type checker must see written out; the tables follow from it.
"""

from typing import Any, Final, get_args

from ..commands.command_base import CommandData
from ..commands.conversation import ConversationCommand
from ..commands.inbox import InboxCommand
from ..commands.message import MessageCommand
from ..commands.queries import Query
from ..commands.signals import Signal

Command = MessageCommand | ConversationCommand | InboxCommand | Signal | Query

COMMANDS: Final[dict[str, type[Command]]] = {
    str(command.__struct_config__.tag): command for command in get_args(Command)
}
NAME_OF: Final[dict[type[CommandData[Any]], str]] = {command: name for name, command in COMMANDS.items()}
ANSWER_OF: Final[dict[type[CommandData[Any]], type[Any]]] = {
    command: get_args(command.__orig_bases__[0])[0] for command in get_args(Command)
}
"""What the data of each command's answer is."""
