"""The smallest client: it says back what others say in the conversations it is in, from now on.

    python examples/echo.py --url ws://127.0.0.1:3000/socket --token "$(caas token echo)"

A token that is given as a text cannot be renewed: the client ends with it. A server has `Application`, see the bot.
"""

import argparse
import asyncio
import logging
from contextlib import suppress

from edge.sdk.python.caas_client import ChatError, Client, MessageNew


async def run(args: argparse.Namespace) -> None:
    """Echo until the token has expired."""
    async with Client(args.url, args.token) as client:
        print(f"{client.user_id} listens", flush=True)
        async for event in client.events():
            if not isinstance(event, MessageNew) or event.message.sender == client.user_id:
                continue
            if event.message.text is not None:
                client.send(event.conversation_id, event.message.text)  # in order; no need to wait for the answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="says back what others say")
    parser.add_argument("--url", default="ws://127.0.0.1:3000/socket", help="a socket node")
    parser.add_argument("--token", required=True, help="who it is")
    logging.basicConfig(level=logging.INFO)  # where there is no line, the client says why
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(run(parser.parse_args()))
    except ChatError as error:
        parser.exit(1, f"{error}\n")
