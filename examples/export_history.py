"""Write all messages that a user may read as JSON lines, conversation by conversation, in the order of `seq`.

    python examples/export_history.py --url ws://127.0.0.1:3000/socket --token "$(caas token ann)" > history.jsonl

A line is a message in its current state; messages of conversations that the user has left are included, as far as they
may read them. Each page of messages begins after the last `seq` of the page before, so a message that arrives meanwhile
is in a later page, and none is written twice.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator

import msgspec

from caas_client import ChatError, Client, MessageView

PAGE = 200


async def conversations(client: Client) -> AsyncIterator[str]:
    """Yield the user's present and past conversations, each once: one with a new message meanwhile is listed again."""
    yielded = set[str]()
    for present in (True, False):
        after, more = None, True
        while more:
            page = await client.conversations(present=present, after=after)
            for one in page.conversations:
                if one.conversation_id not in yielded:
                    yield one.conversation_id
                yielded.add(one.conversation_id)
            after, more = page.after, page.after is not None


async def messages(client: Client, conversation_id: str) -> AsyncIterator[MessageView]:
    """Yield the messages of a conversation, the oldest first."""
    seq, more = 0, True
    while more:
        page = await client.history(conversation_id=conversation_id, after=seq, limit=PAGE)
        for message in page.messages:
            yield message
            seq = message.seq
        more = page.more_after and bool(page.messages)


async def run(args: argparse.Namespace) -> None:
    """Write all messages to standard output."""
    async with Client(args.url, args.token, hears=False) as client:
        async for conversation_id in conversations(client):
            async for message in messages(client, conversation_id):
                sys.stdout.write(msgspec.json.encode(message).decode() + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="writes a user's messages as JSON lines")
    parser.add_argument("--url", default="ws://127.0.0.1:3000/socket", help="a socket node")
    parser.add_argument("--token", required=True, help="the token of the user")
    logging.basicConfig(level=logging.INFO)  # the client logs why it has no line
    try:
        asyncio.run(run(parser.parse_args()))
    except ChatError as error:
        parser.exit(1, f"{error}\n")
