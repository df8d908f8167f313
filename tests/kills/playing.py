"""This module plays a recording on a system, may disturb it meanwhile, and checks that the result is exact."""

import json
import secrets
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from tests.e2e import oracle
from tests.e2e.processes import System, summary_of, within
from tests.e2e.recordings import recordings

RECORDING: Path = recordings()[-1].values[0]
ROWS = 1500


def played(
    system: System, rows: int | None = None, *disturbances: Callable[[], None], chaos: int | None = None
) -> dict[str, Any]:
    """Play for a new tenant, with `chaos` as a seed, and disturb it meanwhile; check that nothing is lost, repeated or
    reordered. Each disturbance begins when the play has gone on after the one before.
    """
    system.serve_tenant(f"t{secrets.token_hex(4)}")
    limit = () if rows is None else ("--limit", str(rows))
    playing = system.play(RECORDING, *limit, *(() if chaos is None else ("--chaos", str(chaos))))
    for disturb in disturbances:
        seen = progress(system)
        within(120, "the play goes on", lambda: playing.poll() is not None or progress(system) > seen)  # noqa: B023
        assert playing.poll() is None, "the play was over before it was disturbed"
        disturb()
    summary = summary_of(playing, system.play_log)
    print(json.dumps(summary))
    check(system, summary, rows)
    return summary


def progress(system: System) -> int:
    """Return how many lines of progress the play has printed."""
    return system.play_log.read_text().count("play: ")


def check(system: System, summary: dict[str, Any], rows: int | None) -> None:
    """Check the summary, and the transcript against the oracle."""
    assert (summary["lost"], summary["duplicates"]) == (0, 0)
    assert summary["received_by_push"] + summary["healed"] == summary["deliveries_expected"]
    lines = [json.loads(line) for line in system.run("transcript").splitlines()]
    expected = oracle.fold(list(islice(oracle.read(RECORDING), rows)))
    assert oracle.differences(lines, expected) == []


def check_read_models(system: System) -> None:
    """Check the read models against a new fold of the whole log, of all tenants."""
    assert "differ" not in system.run("verify")
