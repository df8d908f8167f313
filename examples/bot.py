"""A bot that answers "ping" with "pong", in the thread of the ping, and stores its positions.

    CAAS_APP_KEY=… CAAS_APP_SECRET=… python examples/bot.py --url http://127.0.0.1:3000

After a restart it answers the pings since its stop, and none twice: the answer's `client_msg_id` is made of the id of
the message it answers, so a repeated send has no effect.
"""

import argparse
import asyncio
import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from caas_client import Application, Client, CommandError, MessageNew


async def answer(client: Client, me: str, event: MessageNew) -> None:
    """Answer a message, if it is a ping of another user."""
    message = event.message
    if message.sender != me and (message.text or "").strip().lower() == "ping":
        try:
            await client.send(
                event.conversation_id,
                "pong",
                reply_to=message.message_id,
                client_msg_id=f"pong {message.message_id}",
            )
        except CommandError as error:
            if error.retry:  # repeated for a minute without success: end, and restart later from the stored positions
                raise


async def run(args: argparse.Namespace) -> None:
    """Answer without end. The positions are stored after each event is handled, so a crash loses none."""
    state = Path(args.state)
    application = Application(args.url, os.environ["CAAS_APP_KEY"], os.environ["CAAS_APP_SECRET"])
    async with application, await application.client(args.user, positions=load(state)) as client:
        store(state, client.positions())
        print(f"{args.user} listens", flush=True)
        async for event in client.events():
            if isinstance(event, MessageNew):
                await answer(client, args.user, event)
            store(state, client.positions())


def load(state: Path) -> dict[str, dict[str, int]] | None:
    """Return the positions of an earlier run; None at the first run, which begins at the current positions."""
    return json.loads(state.read_text()) if state.exists() else None


def store(state: Path, positions: dict[str, dict[str, int]]) -> None:
    """Store the positions, completely or not at all."""
    temporary = state.with_suffix(".new")
    temporary.write_text(json.dumps(positions))
    temporary.replace(state)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="answers ping with pong")
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="the gateway")
    parser.add_argument("--user", default="bot", help="its user id")
    parser.add_argument("--state", default="bot.json", help="the file of its positions")
    logging.basicConfig(level=logging.INFO)  # the client logs why it has no line
    with suppress(KeyboardInterrupt):
        asyncio.run(run(parser.parse_args()))
