"""`caas verify`: fold the log again and name every row that differs from the live read models."""

import argparse
import asyncio
import functools
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from core.health import Health
from core.ports.documents import DataLost, Documents
from core.ports.event_log import LogTruncated
from core.ports.search_index import SearchIndex
from core.retry import retry_until_available
from core.settings import Settings
from edge.cli import options
from edge.cli.progress import Waiting
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.composition.running import caught_up, live_generation, reading
from projections.generations import read_pointer
from projections.search import search_documents
from streams.processors.search import incomplete
from streams.rebuild.verify import ExtraTable, Verified, verify
from streams.runtime import lag
from streams.runtime.gate import require_tables
from streams.runtime.lag import ReadModelStalled
from streams.runtime.processor import Processor
from streams.runtime.versions import OtherVersion, check_version

Outcome = Verified | Exception
"""The comparison of a read model, or the error that prevented it."""

REFUSED: Final = (ReadModelStalled, OtherVersion, *options.ASTRAY)
POLL_INTERVAL_S: Final = 0.1


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `verify`."""
    about = "fold the log again and compare the result with the live read models, row by row"
    parser = verbs.add_parser("verify", help=about, description=about, epilog="example: caas verify messages")
    names = ", ".join(compose.PROCESSORS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {names} (default: all)")
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: equal; 3: rows differ, whatever else; 1: one could not be verified: the log begins too late, or a read model
    is behind the log without a running worker, or was built by another version of its processor.
    """
    unknown = sorted(set(args.names) - set(compose.PROCESSORS))
    if unknown:
        return options.fail("verify", f"there is no read model {', '.join(unknown)}")
    names = tuple(dict.fromkeys(args.names)) or compose.PROCESSORS
    found = options.run(functools.partial(run_verify, options.existing_system(args), names))
    if args.json:
        sys.stdout.write(msgspec.json.encode(as_json(found)).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for name in names for line in _lines(name, found[name]))
    refused = [outcome for outcome in found.values() if isinstance(outcome, Exception)]
    for error in refused:
        options.fail("verify", _cause(error))
    if any(isinstance(outcome, Verified) and outcome.differing for outcome in found.values()):
        return 3
    return 1 if refused else 0


def as_json(found: Mapping[str, Outcome]) -> dict[str, Any]:
    """Return the differences by read model; also, if there are any, the numbers of differing rows, and the models that
    could not be verified with the reasons.
    """
    verified = {name: outcome for name, outcome in found.items() if isinstance(outcome, Verified)}
    differing = {name: outcome.differing for name, outcome in verified.items() if outcome.differing}
    refused = {name: _cause(outcome) for name, outcome in found.items() if isinstance(outcome, Exception)}
    return {
        **{name: outcome.differences for name, outcome in verified.items()},
        **({"differing": differing} if differing else {}),
        **({"not_verified": refused} if refused else {}),
    }


def _lines(name: str, outcome: Outcome) -> Sequence[str]:
    if isinstance(outcome, Exception):
        return [f"{name}: not verified"]
    if not outcome.differing:
        return [f"{name}: equal"]
    named = len({(one.table, one.id) for one in outcome.differences})
    which = "" if named == outcome.differing else f", the first {named}:"
    rows = "1 row differs" if outcome.differing == 1 else f"{outcome.differing} rows differ"
    return [f"{name}: {rows}{which}", *(f"  {difference}" for difference in outcome.differences)]


def _cause(error: Exception) -> str:
    return f"log_truncated: {error}" if isinstance(error, LogTruncated) else str(error)


async def run_verify(settings: Settings, names: Sequence[str]) -> dict[str, Outcome]:
    """Compare each read model. One that cannot be verified does not stop the others."""
    health, waiting = Health(), Waiting("verify")
    async with reading(settings, health) as found:
        arrived = await asyncio.gather(*(_arrived(name, found, health, waiting) for name in names))
        return {
            name: refused or await _verified(name, found, health, waiting)
            for name, refused in zip(names, arrived, strict=True)
        }


async def _arrived(name: str, found: Adapters, health: Health, waiting: Waiting) -> Exception | None:
    """Return None when the read model has passed the current end offsets, or the error if it does not."""
    try:
        await _require_tables(name, found, health)  # first: a lost table makes no progress either
        await caught_up(found, (name,), health, waiting.show)
    except ReadModelStalled as error:
        try:
            await _require_tables(name, found, health)
        except DataLost as lost:
            return lost
        return error
    except REFUSED as error:
        return error
    return None


async def _require_tables(name: str, found: Adapters, health: Health) -> None:
    """Check the tables of the live generation. Raises `DataLost` where one is gone."""
    processor = compose.processor(name, found.documents, found.index)
    generation = await live_generation(name, found, health)
    await require_tables(processor, found.documents, generation, "verify", health)


async def _verified(name: str, found: Adapters, health: Health, waiting: Waiting) -> Outcome:
    scratch, index = compose.scratch_store(), compose.scratch_index()

    def fold(documents: Documents) -> Processor:
        return compose.processor(name, documents, index)

    try:
        pointer = await retry_until_available(f"{name}: pointer", lambda: read_pointer(found.documents, name), health)
        generation = pointer.live
        check_version(pointer, fold(scratch))
        beside = await _beside(found, generation, scratch, index, health) if name == search_documents.MODEL else None
        return await verify(
            fold,
            found.log,
            found.documents,
            generation,
            scratch=scratch,
            health=health,
            extra_table=beside,
            waiting=waiting.show,
        )
    except REFUSED as error:
        return error


async def _beside(
    found: Adapters, generation: int, scratch: Documents, index: SearchIndex, health: Health
) -> ExtraTable:
    """Return the search index of both sides, once the live one is complete. Raises `ReadModelStalled` after half a
    minute without that.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while cause := await retry_until_available(
        "verify", lambda: incomplete(found.documents, found.index, generation), health
    ):
        if loop.time() - began > lag.STALLED_AFTER_S:
            raise ReadModelStalled(
                f"search: the index of generation {generation} {cause}, and has not been filled: does its worker run?"
                " `caas worker search`"
            )
        await asyncio.sleep(POLL_INTERVAL_S)
    expected = search_documents.WithIndex(scratch, index)
    return ExtraTable(search_documents.INDEX, expected, search_documents.WithIndex(found.documents, found.index))
