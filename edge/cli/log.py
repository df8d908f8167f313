"""`caas log adopt`: accept a log that the read models were not built from, after naming what is lost."""

import argparse
import functools
import shlex
import sys
from typing import Final

import msgspec

from core.health import Health
from core.ports.event_log import AlreadyWriting
from core.settings import Settings
from edge.cli import options
from edge.cli.operator_record import Act, Attempt, audit_of
from edge.cli.progress import Bar
from edge.composition import compose
from streams.rebuild.adopt import Adopted, Survey, adopt, survey
from streams.rebuild.lease import Refused
from streams.rebuild.replay import ReplayProgress

NAMED: Final = 20
"""Maximum number of conversations named on the terminal; `--json` names all."""
NEEDS_YES: Final = 3


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `log`."""
    about = "accept a log that was restored, cut or recreated: name what is lost, then rebuild the read models from it"
    example = "example: caas log adopt --data ./chat --yes"
    parser = verbs.add_parser("log", help=about, description=about, epilog=example)
    parser.add_argument("action", choices=("adopt",), help="adopt: see above; stop every worker and node first")
    parser.add_argument("--yes", action="store_true", help="do it; without it only what would be lost is named")
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: adopted, or nothing to adopt; 1: refused, or the system is running; 3: data is lost, confirm with `--yes`."""
    try:
        found, done = options.run(functools.partial(_adopted, options.existing_system(args), sure=args.yes))
    except Exception as error:
        if (expected := options.first_of(error, (Refused, AlreadyWriting))) is None:
            raise
        running = isinstance(expected, AlreadyWriting)
        return options.fail("log adopt", f"{expected}: stop it first" if running else expected)
    if args.json:
        sys.stdout.write(msgspec.json.encode({"survey": found, "adopted": done}).decode() + "\n")
    else:
        where = f" --data {shlex.quote(args.data)}" if args.data else ""
        sys.stdout.write("\n".join(_lines(found, done, where)) + "\n")
    return NEEDS_YES if found.reasons and done is None else 0


async def _adopted(settings: Settings, *, sure: bool) -> tuple[Survey, Adopted | None]:
    health = Health()
    async with compose.opened(compose.adapters(settings, "caas-log")) as found:
        folds = {name: functools.partial(compose.processor, name, index=found.index) for name in compose.PROCESSORS}
        processors = [fold(found.documents) for fold in folds.values()]
        seen = await survey(found.log, found.documents, processors, health)
        if not seen.reasons or not sure:
            return seen, None
        act = Act(action="log_adopt", entity_type="log", entity_id=str(seen.epoch))
        begins = Attempt(audit_of(found, settings), settings.tenant, act).begin
        return seen, await adopt(folds, found.log, found.documents, health, seen, progress=_progress, begins=begins)


def _progress(name: str) -> ReplayProgress:
    return Bar(f"log adopt: {name}", "records").show


def _lines(found: Survey, done: Adopted | None, where: str) -> list[str]:
    if not found.reasons:
        return ["the read models were made from this log: there is nothing to adopt"]
    lines = [f"{name}: {reason}" for name, reason in found.reasons.items()]
    lost = f"lost: {found.messages} messages"
    lines.append(f"what is lost cannot be named: {found.unknown}" if found.unknown else lost)
    if found.records:
        topics = ", ".join(f"{topic} {count}" for topic, count in found.records.items())
        lines.append(f"records that the log no longer has, at least: {topics}")
    lines += [
        f"  conversation {one.conversation_id}: {one.messages}, seq {one.first_seq} to {one.last_seq}"
        for one in found.lost[:NAMED]
    ]
    if len(found.lost) > NAMED:
        lines.append(f"  and {len(found.lost) - NAMED} conversations more (--json names them)")
    if done is None:
        return [*lines, f"nothing was changed; to go on without them: caas log adopt{where} --yes"]
    made = ", ".join(f"{name} from {count} records" for name, count in done.records.items())
    return [*lines, f"adopted: the log is epoch {done.epoch}; rebuilt: {made}"]
