"""Talker is a chat program in a separate process: it sends messages to a room until it gets a stop command, and keeps
all events that it received.

`python talker.py GATEWAY USER` prints a line of JSON when it is connected. Then it answers each line of its input with
one: `{"room": ID}` starts, `{}` requests all events, `{"over": true}` stops and requests the number of messages sent.
"""

import asyncio
import json
import os
import sys
from typing import Any

import msgspec

from edge.sdk.python.caas_client import Application, Client

EVERY_S = 0.03
CHANGED = 10
"""Each tenth message is edited, and gets a reaction of its author."""


class Talker:
    """A client that sends messages and keeps events."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self.heard: list[Any] = []
        self.over = False

    async def listen(self) -> None:
        """Keep the events that arrive."""
        async for event in self._client.events():
            self.heard.append({"type": type(event).__name__, **msgspec.to_builtins(event)})

    async def talk(self, room: str) -> int:
        """Send messages until it is over, and return their number."""
        number = 0
        async with asyncio.TaskGroup() as saying:
            while not self.over:
                number += 1
                said = self._client.send(room, f"{self._name} {number}")
                if number % CHANGED == 0:
                    message_id = (await said).message_id
                    about = {"conversation_id": room, "message_id": message_id}
                    await self._client.edit(**about, text=f"{self._name} {number} again")
                    await self._client.react(**about, emoji="👍")
                else:
                    saying.create_task(_answered(said), name="said")
                await asyncio.sleep(EVERY_S)
        return number


async def _answered(said: Any) -> None:
    await said


async def run(url: str, name: str) -> None:
    """Execute the commands of the input lines."""
    application = Application(url, os.environ["CAAS_APP_KEY"], os.environ["CAAS_APP_SECRET"])
    async with application, await application.client(name, positions={}) as client:
        talker = Talker(client, name)
        listening = asyncio.create_task(talker.listen(), name="listens")
        talking: asyncio.Task[int] | None = None
        _say({"connected": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            if "room" in asked:
                talking = asyncio.create_task(talker.talk(asked["room"]), name="talks")
                _say({})
            elif "over" in asked and talking is not None:
                talker.over = True
                _say({"said": await talking})
            else:
                _say({"heard": talker.heard})
        listening.cancel()


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
