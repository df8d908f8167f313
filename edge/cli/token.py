"""`caas token USER`: print a development token without the gateway, once the log has a record of it; without a system
it fails and creates none.
"""

import argparse
import functools
import sys
from typing import get_args

import msgspec

from edge.auth.tokens import Tokens
from edge.cli import options
from edge.cli.operator_record import Act, record_alone
from edge.process.secrets_file import existing
from schemas.names import StaffRole


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `token`."""
    about = "print a development token for a user"
    parser = verbs.add_parser("token", help=about, description=about, epilog="example: caas token ann --data ./chat")
    parser.add_argument("user", metavar="USER", help="the user id")
    parser.add_argument("--ttl", type=_seconds, metavar="SECONDS", help="its lifetime (default: CAAS_TOKEN_TTL_S)")
    parser.add_argument(
        "--names",
        action="append",
        metavar="PREFIX",
        default=[],
        help="lets the user open conversations by external ids with this prefix, as an application does; '' is all",
    )
    parser.add_argument(
        "--role", action="append", choices=get_args(StaffRole), default=[], help="what else the user may do; repeatable"
    )
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def _seconds(text: str) -> int:
    seconds = int(text)
    if seconds < 1:
        raise argparse.ArgumentTypeError("a token lives for a second at least")
    return seconds


def run(args: argparse.Namespace) -> int:
    """0: printed; 1: invalid user id or name, or it could not be recorded."""
    found = existing(options.settings_of(args), "token_secret")
    try:
        tokens = Tokens(found.token_secret, args.ttl or found.token_ttl_s)
        token, expires_in = tokens.issue(found.tenant, args.user, args.names, args.role)
    except ValueError as error:
        return options.fail("token", error)
    options.run(functools.partial(record_alone, found, _act(args)))
    answer = {"token": token, "token_type": "Bearer", "expires_in": expires_in}
    sys.stdout.write((msgspec.json.encode(answer).decode() if args.json else token) + "\n")
    return 0


def _act(args: argparse.Namespace) -> Act:
    """Return what is recorded; the reason has the roles, and `names` where the token opens some for an application."""
    more = [*sorted(set(args.role)), *(["names"] if args.names else [])]
    return Act(action="token", entity_type="user", entity_id=args.user, reason=", ".join(more) or None)
