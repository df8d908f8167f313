"""Makes what `tests.data.kept` reads, by the version whose tree this runs in: `python -m tests.data.kept.make FOLDER`.

It writes `system.tar.gz`, the data directory of an embedded system after its stop; `log.jsonl.gz`, its log as Kafka has
it; and `answers.jsonl.gz`, what this version answered. Ids of messages are the same each time, times are not.
"""

import asyncio
import gzip
import io
import json
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from tests.data.kept.questions import TENANTS, USERS, Node, ask_everything
from tests.data.kept.talk import talk
from tests.e2e.processes import CAAS
from tests.e2e.up import Up, running

UNLIMITED = {"CAAS_COMMANDS_PER_S": "100000", "CAAS_USER_COMMANDS_PER_S": "0", "CAAS_USER_SEARCHES_PER_MIN": "0"}
"""Settings by which users may ask at any pace."""
NAMED = {"CAAS_NODE": "node-1"}
"""The log says which node appended a record."""
LOG = "SELECT topic, partition, first, at_ms, records FROM batches ORDER BY topic, partition, first"


def node_of(up: Up) -> Node:
    """Return the node of an embedded system."""
    return Node(up.socket_url, json.loads((up.data / "secrets.json").read_text())["token_secret"])


async def play(node: Node) -> None:
    """Play the talk in each tenant."""
    for tenant in TENANTS:
        async with AsyncExitStack() as stack:
            await talk({user: await stack.enter_async_context(node.line(tenant, user)) for user in USERS})


def verify(up: Up) -> None:
    """Wait until the read models are what the log comes to; fail if they are not."""
    subprocess.run([str(CAAS), "verify", "--data", str(up.data)], check=True)


def records(data: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of an embedded log, read without its code."""
    with sqlite3.connect(data / "log.sqlite") as connection:
        for topic, partition, first, at_ms, packed in connection.execute(LOG):
            for offset, (key, value, headers) in enumerate(msgspec.msgpack.decode(packed), first):
                yield {
                    "topic": topic,
                    "partition": partition,
                    "offset": offset,
                    "timestamp_ms": at_ms,
                    "key": key.decode(),
                    "value": value.decode(),
                    "headers": [[name, content.decode()] for name, content in headers],
                }
    connection.close()


def packed(data: Path) -> bytes:
    """Return the files of a directory with their modes, without times and owners."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for path in sorted(data.iterdir()):
            member = tarfile.TarInfo(path.name)
            member.size, member.mode = path.stat().st_size, path.stat().st_mode & 0o777
            with path.open("rb") as file:
                tar.addfile(member, file)
    return gzip.compress(whole.getvalue(), mtime=0)


def lines(objects: Iterable[Any]) -> bytes:
    """Return one line of JSON for each object."""
    return gzip.compress(b"".join(msgspec.json.encode(one) + b"\n" for one in objects), mtime=0)


def make(folder: Path) -> None:
    """Play, stop, start again, ask, stop, and write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        with running(Path(name), {**UNLIMITED, **NAMED}, name="played") as up:
            asyncio.run(play(node_of(up)))
            verify(up)
        with running(Path(name), UNLIMITED, name="asked") as up:
            answers = asyncio.run(ask_everything(node_of(up)))
            verify(up)
        (folder / "answers.jsonl.gz").write_bytes(lines(answers))
        (folder / "log.jsonl.gz").write_bytes(lines(records(up.data)))
        (folder / "system.tar.gz").write_bytes(packed(up.data))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
