"""`caas topics`: create the topics of the topic table, and refuse changes that would break them."""

import argparse
import sys

import msgspec

from edge.cli import options
from edge.composition.kafka import TopicsRefused, create_topics


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `topics`."""
    about = "create the Kafka topics of the platform; an existing one with another partition count is refused"
    parser = verbs.add_parser("topics", help=about, description=about, epilog="example: caas topics --json")
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: all exist; 1: refused or unreachable."""
    found = options.settings_of(args)

    async def create() -> list[str]:
        made = await create_topics(found.kafka_bootstrap, found.kafka_replication, found.kafka_min_insync)
        return list(made)

    try:
        made = options.run(create)
    except TopicsRefused as error:
        return options.fail("topics", error)
    text = f"created: {', '.join(made)}" if made else "all topics are there"
    sys.stdout.write((msgspec.json.encode({"created": made}).decode() if args.json else text) + "\n")
    return 0
