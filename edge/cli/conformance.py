"""`caas conformance`: check an implementation of the socket protocol against its rules."""

import argparse
import asyncio
import functools
import sys
from typing import Final

import aiohttp
import msgspec

from core.settings import Settings
from edge.cli import options
from edge.cli.play import settings_of
from edge.cli.up import reached
from edge.sdk.python.caas_client.tokens import TokenRefused
from edge.tools.conformance import (
    archive_checks,
    command_checks,
    command_tables,
    connection_checks,
    cursor_checks,
    durability_checks,
    flood_checks,
    inbox_checks,
    list_checks,
    membership_checks,
    name_checks,
    reaction_checks,
    read_checks,
    reconnect_checks,
    search_checks,
    text_checks,
    thread_checks,
)
from edge.tools.conformance.clients import watching
from edge.tools.conformance.suite import Check, Result, nodes_of, run

CHECKS: Final[tuple[Check, ...]] = (
    *connection_checks.CHECKS,
    *flood_checks.CHECKS,
    *command_checks.CHECKS,
    *membership_checks.CHECKS,
    *reconnect_checks.CHECKS,
    *inbox_checks.CHECKS,
    *cursor_checks.CHECKS,
    *list_checks.CHECKS,
    *archive_checks.CHECKS,
    *reaction_checks.CHECKS,
    *name_checks.CHECKS,
    *read_checks.CHECKS,
    *search_checks.CHECKS,
    *durability_checks.CHECKS,
    *text_checks.CHECKS,
    *thread_checks.CHECKS,
    *command_tables.CHECKS,
)


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `conformance`."""
    about = (
        "hold nodes to the rules of the socket protocol: connections, commands, order, repeats, cut lines, sync; "
        "or, with --client, a client, from a proxy that loses, doubles and swaps pushes and breaks lines"
    )
    example = "example: caas conformance --data ./chat --json"
    parser = verbs.add_parser("conformance", help=about, description=about, epilog=example)
    options.add_gateway(parser)
    parser.add_argument("--node", action="append", default=[], metavar="WS_URL", help="these instead of the gateway's")
    parser.add_argument("--only", action="append", default=[], metavar="CHECK", help="only this check; may be repeated")
    parser.add_argument("--client", action="store_true", help="stand between a client and a node, and watch the client")
    parser.add_argument(
        "--listen", type=options.port, default=0, metavar="PORT", help="where the client under test connects to"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the client is watched (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="what the faults are made from (default: 1)")
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run_verb)


def run_verb(args: argparse.Namespace) -> int:
    """0: every rule holds; 1: there is no such system or check; 3: a rule does not hold."""
    known = {check.__name__: check for check in CHECKS}
    if unknown := [name for name in args.only if name not in known]:
        return options.fail("conformance", f"no check is called {unknown[0]}; there are {', '.join(known)}")
    checks = [known[name] for name in args.only] or list(CHECKS)
    try:
        results = options.run(functools.partial(held_to, settings_of(args), args, checks))
    except (TokenRefused, aiohttp.ClientError, OSError) as error:
        return options.fail("conformance", error)
    broken = [result for result in results if not result.holds]
    if args.json:
        sys.stdout.write(msgspec.json.encode({"held": len(results) - len(broken), "results": results}).decode() + "\n")
    else:
        sys.stdout.write(f"{len(results) - len(broken)} of {len(results)} rules hold\n")
    return 3 if broken else 0


async def held_to(settings: Settings, args: argparse.Namespace, checks: list[Check]) -> list[Result]:
    """Return the results against the given gateway, or the embedded system: the running one, else one started here."""
    report = (lambda _: None) if args.json else show
    async with reached(settings, options.gateway_of(settings, args)) as system:
        app = system.url, system.app_key, system.app_secret
        if not args.client:
            return await run(*app, checks, nodes=args.node, report=report)
        node = args.node[0] if args.node else (await nodes_of(*app))[0]
        async with watching(system.url, node, port=args.listen, seed=args.seed) as client:
            invite(client.url, args)
            await asyncio.sleep(args.seconds)
            results = client.results()
        for result in results:
            report(result)
        return results


def invite(url: str, args: argparse.Namespace) -> None:
    """Print where the client under test must connect to, and for how long."""
    sys.stderr.write(f"connect one client to the gateway {url} or to ws{url[4:]}/socket, for {args.seconds:g} s\n")


def show(result: Result) -> None:
    """Print one line of the report."""
    word = "BROKEN" if not result.holds else "holds " if result.tested else "unseen"
    sys.stdout.write(f"{word}  {result.rule}\n")
    if not result.holds:
        sys.stdout.write(f"        {result.name}: {result.why}\n")
    sys.stdout.flush()
