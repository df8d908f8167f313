"""A bot: whoever says "ping" is answered "pong", in the thread of the ping. It remembers where it stood.

    CAAS_APP_KEY=… CAAS_APP_SECRET=… python examples/bot.py --url http://127.0.0.1:3000

Stopped and started again it answers the pings of the meantime, and none a second time: the answer's `client_msg_id`
is made of the message it answers, so saying it again says nothing new.
"""

import argparse
import asyncio
import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from edge.sdk.python.caas_client import Application, Client, CommandError, MessageNew


async def answer(client: Client, me: str, event: MessageNew) -> None:
    """Answer one message, if it is a ping of somebody else."""
    message = event.message
    if message.sender != me and (message.text or "").strip().lower() == "ping":
        try:
            await client.send(
                event.conversation_id,
                "pong",
                reply_to=message.message_id,
                client_msg_id=f"pong {message.message_id}",
            )
        except CommandError as no:
            if no.retry:  # asked again for a minute in vain: come back later, from where it stood
                raise


async def run(args: argparse.Namespace) -> None:
    """Answer for ever. Where it stands is written once an event is done with, so a crash forgets none."""
    state = Path(args.state)
    application = Application(args.url, os.environ["CAAS_APP_KEY"], os.environ["CAAS_APP_SECRET"])
    async with application, await application.client(args.user, positions=stood(state)) as client:
        keep(state, client.positions())
        print(f"{args.user} listens", flush=True)
        async for event in client.events():
            if isinstance(event, MessageNew):
                await answer(client, args.user, event)
            keep(state, client.positions())


def stood(state: Path) -> dict[str, dict[str, int]] | None:
    """Where an earlier run stood; None at the first: then it begins where its conversations stand now."""
    return json.loads(state.read_text()) if state.exists() else None


def keep(state: Path, positions: dict[str, dict[str, int]]) -> None:
    """Write where it stands, wholly or not at all."""
    beside = state.with_suffix(".new")
    beside.write_text(json.dumps(positions))
    beside.replace(state)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="answers ping with pong")
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="the gateway")
    parser.add_argument("--user", default="bot", help="who it is")
    parser.add_argument("--state", default="bot.json", help="where it keeps its positions")
    logging.basicConfig(level=logging.INFO)  # where there is no line, the client says why
    with suppress(KeyboardInterrupt):
        asyncio.run(run(parser.parse_args()))
