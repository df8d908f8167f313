"""A chat program as a process of its own: it talks in a room until it is told to end, and keeps all that it was told.

`python talker.py GATEWAY USER` says a line of JSON when it is connected. Then each line of its input is answered by
one: `{"room": ID}` begins, `{}` asks for all events, `{"over": true}` ends the talk and asks how much was said.
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
"""Each tenth message is edited, and its author puts an emoji to it."""


class Talker:
    """Who talks."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self.heard: list[Any] = []
        self.over = False

    async def listen(self) -> None:
        """Keep what comes."""
        async for event in self._client.events():
            self.heard.append({"type": type(event).__name__, **msgspec.to_builtins(event)})

    async def talk(self, room: str) -> int:
        """Say one thing after another until it is over; how many were said."""
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
    """Do what the lines say."""
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
