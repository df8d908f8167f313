"""`caas serve NAME`: run one service of the platform in a separate process."""

import argparse
import functools

import msgspec

from core.settings import require_stack
from edge.cli import options
from edge.composition.services import SERVICES
from edge.process.secrets_file import filled


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `serve`."""
    about = "run one service of the platform on the real servers"
    parser = verbs.add_parser("serve", help=about, description=about, epilog="example: caas serve socket --port 3002")
    parser.add_argument("name", metavar="NAME", choices=tuple(SERVICES), help=" or ".join(SERVICES))
    ports = ", ".join(f"CAAS_{service.port.upper()} ({service.name})" for service in SERVICES.values())
    parser.add_argument("--port", type=options.port, metavar="N", help=f"default: {ports}")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: stopped by a signal; 1: failed, such as a port that is taken."""
    settings, service = options.settings_of(args), SERVICES[args.name]
    if args.port is None:
        settings = msgspec.structs.replace(settings, port=getattr(settings, service.port))
    if service.needs_stack:
        require_stack(settings)
    found = filled(settings, *service.secrets)
    return options.run_or_fail(
        f"serve {service.name}", functools.partial(service.serve, found), *options.ASTRAY, OSError
    )
