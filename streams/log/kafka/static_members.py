"""Static members of a consumer group: a worker that is killed and started again gets its partitions back, and one that
stops releases them.

A static member keeps its partitions for the session timeout after it died, unless a process of the same name joins:
that one has them at once. The Kafka client does not leave the group for a static member, so a stop does it here.
"""

import asyncio
import fcntl
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from core import private_files

logger: Final = logging.getLogger("caas.groups")
LEAVE_S: Final = 3.0
_OK: Final = 0


@contextmanager
def free_slot(directory: Path, name: str) -> Iterator[str]:
    """Reserve a member name that no living process has, for the block: the lowest number that is free among the workers
    of this name on this host in this directory. A worker that is started again therefore gets its old name.
    """
    host = f"{socket.gethostname()}-{_token(directory)}"
    for number in count(1):
        held = os.open(directory / f"{name}-{number}.slot", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private_files.FILE)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            continue
        try:
            yield f"{name}-{host}-{number}"
        finally:
            os.close(held)
        return


def _token(directory: Path) -> str:
    """Return what distinguishes this directory from those of other hosts of the same name; it is created once."""
    for place in (directory.parent, directory):
        private_files.make_directory(place)
    path, made = directory / "slots", directory / f"slots.{secrets.token_hex(8)}"
    if not path.exists():
        private_files.make_file(made)
        made.write_text(secrets.token_hex(4))
        try:
            os.link(made, path)
        except FileExistsError:
            logger.debug("another worker made %s", path)
        finally:
            made.unlink()
    return path.read_text()


class _Left(Response):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")), ("error_code", Int16)),
        ),
    )


class _LeaveStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = _Left
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")))),
    )


class _Leave(Request[_LeaveStruct]):  # type: ignore[misc]
    """LeaveGroup of version 3, the first that takes the name of a static member (KIP-345)."""

    API_KEY = 13

    def __init__(self, group: str, member: str) -> None:
        self._group = group
        self._member = member

    def build(self, request_struct_class: type[_LeaveStruct]) -> _LeaveStruct:
        """Return the request as it is sent."""
        return request_struct_class(self._group, [("", self._member)])


async def leave_group(bootstrap: str, group: str, member: str) -> bool:
    """Release the partitions of a static member that has stopped, and return whether that worked. Where it does not
    within some seconds the other members get them after the session timeout.
    """
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(LEAVE_S):
            await client.bootstrap()
            node = await client.coordinator_lookup(CoordinationType.GROUP, group)
            answer = await client.send(node, _Leave(group, member), group=ConnectionGroup.COORDINATION)
    except (KafkaError, TimeoutError, OSError) as error:
        logger.warning("%s could not leave group %s: %r", member, group, error)
        return False
    finally:
        await client.close()
    codes = {answer.error_code, *(code for _, _, code in answer.members)}
    logger.info("%s left group %s: %s", member, group, codes)
    return codes == {_OK}
