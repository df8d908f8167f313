"""The smallest client: it echoes new messages of others in its conversations.

    python examples/echo.py --url ws://127.0.0.1:3000/socket --token "$(caas token echo)"

A token that is given as a text cannot be renewed: the client ends when it expires. A server uses `Application`, see
bot.py.
"""

import argparse
import asyncio
import logging
from contextlib import suppress

from caas_client import ChatError, Client, MessageNew


async def run(args: argparse.Namespace) -> None:
    """Echo until the token has expired."""
    async with Client(args.url, args.token) as client:
        print(f"{client.user_id} listens", flush=True)
        async for event in client.events():
            if not isinstance(event, MessageNew) or event.message.sender == client.user_id:
                continue
            if event.message.text is not None:
                client.send(event.conversation_id, event.message.text)  # sent in order; no need to wait for the answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="echoes what others say")
    parser.add_argument("--url", default="ws://127.0.0.1:3000/socket", help="a socket node")
    parser.add_argument("--token", required=True, help="the token of its user")
    logging.basicConfig(level=logging.INFO)  # the client logs why it has no line
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(run(parser.parse_args()))
    except ChatError as error:
        parser.exit(1, f"{error}\n")
