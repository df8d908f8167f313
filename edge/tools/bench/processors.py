"""Measures processors: live and in a rebuild on the plain runner, and on Faust."""

from typing import Any

from edge.composition import compose
from edge.tools.bench import machine, spec
from edge.tools.bench.children import Place, running
from edge.tools.bench.filled import fill
from edge.tools.bench.measure import Figure, Pairs
from edge.tools.bench.servers import Bench, run_name, settings_at
from edge.tools.bench.spec import FaustRun, Processing, Records
from edge.tools.bench.world import World

RECORDS_PER_S = 15_000


async def processor_plain(bench: Bench) -> Figure:
    """Measure the live `messages` processor against reading and bulk writing rows of that size."""
    pairs = await _rows(bench, bare="bare", ours="plain")
    return Figure(name="processor_plain", unit="records/s", ours=pairs.ours, bare=pairs.bare, goal=0.5)


async def rebuild(bench: Bench) -> Figure:
    """Measure the `messages` processor in a replay, which has no effects, against the same one live."""
    pairs = await _rows(bench, bare="plain", ours="rebuild")
    return Figure(name="rebuild", unit="records/s", ours=pairs.ours, bare=pairs.bare, goal=1.0)


async def _rows(bench: Bench, *, bare: str, ours: str) -> Pairs:
    place = bench.at(f"rows-{ours}")
    records = await _filled(place, bench.seconds)
    other = bare if place.profile is None else ours
    what = Processing(other, ours, records, bench.pairs, bench.seconds, run_name())
    path = spec.written(what, place.directory / "rows.json")
    command = place.python("edge.tools.bench.rows", path, profiled=True)
    async with running(place, f"rows-{ours}", command, machine.SERVER, ends=True) as child:
        said: dict[str, Any] = await child.said(120 + 4 * bench.pairs * bench.seconds)
    return Pairs(said["ours"], said["bare"])


async def _filled(place: Place, seconds: float) -> Records:
    """Fill the log with enough records for `seconds`."""
    log = compose.adapters(settings_at(place), "caas-bench").log
    await log.start()
    try:
        return (await fill(log, World(), int(RECORDS_PER_S * seconds))).records
    finally:
        await log.stop()


async def processor_faust(bench: Bench) -> Figure:
    """Measure the live `messages` processor on Faust against an agent that only acknowledges, each in a new group."""
    place = bench.at("faust")
    records = await _filled(place, bench.seconds)

    async def run(way: str) -> float:
        return await _faust(place, FaustRun(way=way, records=records, seconds=bench.seconds))

    pairs = await Pairs().take(bench.pairs, ours=lambda: run("ours"), bare=lambda: run("bare"))
    return Figure(name="processor_faust", unit="records/s", ours=pairs.ours, bare=pairs.bare, goal=0.7)


async def _faust(place: Place, run: FaustRun) -> float:
    path = spec.written(run, place.directory / f"{run.way}.json")
    command = place.python("edge.tools.bench.faust_runs", path, profiled=run.way == "ours")
    async with running(place, f"faust-{run.way}", command, machine.SERVER, ends=True) as child:
        per_s: float = (await child.said(90 + run.seconds))["per_s"]
    return per_s
