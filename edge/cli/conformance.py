"""`caas conformance`: hold an implementation of the socket protocol to its rules."""

import argparse
import asyncio
import functools
import sys
from typing import Final

import aiohttp
import msgspec

from core.settings import Settings
from edge.cli import asking
from edge.cli.play import settings_of
from edge.cli.up import reached
from edge.client.tokens import TokenRefused
from edge.conformance import (
    arranging,
    belonging,
    commanding,
    connecting,
    cursors,
    enduring,
    finding,
    flooding,
    keeping,
    listing,
    minding,
    naming,
    reading,
    standing,
    tables,
    threads,
    wording,
)
from edge.conformance.clients import watching
from edge.conformance.suite import Check, Result, nodes_of, run

CHECKS: Final[tuple[Check, ...]] = (
    *connecting.CHECKS,
    *flooding.CHECKS,
    *commanding.CHECKS,
    *belonging.CHECKS,
    *enduring.CHECKS,
    *keeping.CHECKS,
    *cursors.CHECKS,
    *listing.CHECKS,
    *arranging.CHECKS,
    *minding.CHECKS,
    *naming.CHECKS,
    *reading.CHECKS,
    *finding.CHECKS,
    *standing.CHECKS,
    *wording.CHECKS,
    *threads.CHECKS,
    *tables.CHECKS,
)


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `conformance`."""
    about = (
        "hold nodes to the rules of the socket protocol: connections, commands, order, repeats, cut lines, sync; "
        "or, with --client, a client, from a proxy that loses, doubles and swaps pushes and breaks lines"
    )
    example = "example: caas conformance --data ./chat --json"
    parser = verbs.add_parser("conformance", help=about, description=about, epilog=example)
    asking.add_gateway(parser)
    parser.add_argument("--node", action="append", default=[], metavar="WS_URL", help="these instead of the gateway's")
    parser.add_argument("--only", action="append", default=[], metavar="CHECK", help="only this check; may be repeated")
    parser.add_argument("--client", action="store_true", help="stand between a client and a node, and watch the client")
    parser.add_argument(
        "--listen", type=asking.port, default=0, metavar="PORT", help="where the client under test connects to"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the client is watched (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="what the faults are made from (default: 1)")
    asking.add_data(parser)
    asking.add_json(parser)
    parser.set_defaults(run=run_verb)


def run_verb(args: argparse.Namespace) -> int:
    """0: every rule holds; 1: there is no such system or check; 3: a rule does not hold."""
    known = {check.__name__: check for check in CHECKS}
    if unknown := [name for name in args.only if name not in known]:
        return asking.fail("conformance", f"no check is called {unknown[0]}; there are {', '.join(known)}")
    checks = [known[name] for name in args.only] or list(CHECKS)
    try:
        results = asking.run(functools.partial(held_to, settings_of(args), args, checks))
    except (TokenRefused, aiohttp.ClientError, OSError) as error:
        return asking.fail("conformance", error)
    broken = [result for result in results if not result.holds]
    if args.json:
        sys.stdout.write(msgspec.json.encode({"held": len(results) - len(broken), "results": results}).decode() + "\n")
    else:
        sys.stdout.write(f"{len(results) - len(broken)} of {len(results)} rules hold\n")
    return 3 if broken else 0


async def held_to(settings: Settings, args: argparse.Namespace, checks: list[Check]) -> list[Result]:
    """The results against the given gateway, or the embedded system: the one that runs, else one run here."""
    told = (lambda _: None) if args.json else show
    async with reached(settings, asking.gateway_of(settings, args)) as system:
        app = system.url, system.app_key, system.app_secret
        if not args.client:
            return await run(*app, checks, nodes=args.node, told=told)
        node = args.node[0] if args.node else (await nodes_of(*app))[0]
        async with watching(system.url, node, port=args.listen, seed=args.seed) as client:
            invite(client.url, args)
            await asyncio.sleep(args.seconds)
            results = client.results()
        for result in results:
            told(result)
        return results


def invite(url: str, args: argparse.Namespace) -> None:
    """Say where the client under test is to connect to, with which key, and for how long."""
    sys.stderr.write(f"connect one client to the gateway {url} or to ws{url[4:]}/socket, for {args.seconds:g} s\n")


def show(result: Result) -> None:
    """One line of a person's report."""
    word = "BROKEN" if not result.holds else "holds " if result.tested else "unseen"
    sys.stdout.write(f"{word}  {result.rule}\n")
    if not result.holds:
        sys.stdout.write(f"        {result.name}: {result.why}\n")
    sys.stdout.flush()
