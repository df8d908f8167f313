"""Shows a trace in a terminal: the tree on the left, on the right how long after its cause each record came.

Below each record stand the processors that read it: those that have not applied it, and of the others how long after
the log got it they had saved it.

A line has the record's name, what it decided, where it lies, how many milliseconds after the first record the log got
it, and a bar from its cause's time to its own. Times are those of the log.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from schemas.wire.trace import Trace, TraceApplication, TraceEntry, TraceRecord

MIN_WIDTH: Final = 60
MAX_DEPTH: Final = 12
"""Maximum depth that is indented; below it lines stand at the same place."""
NODES: Final = "/caas/edge/"
"""How the source of a node's records begins; its name follows."""
BAR: Final = (10, 40)
"""Minimum and maximum width of the bars."""
_PLACE: Final = 26
_TIME: Final = 12
_NAME: Final = 56


def waterfall(trace: Trace, width: int) -> Iterator[str]:
    """Yield the lines of a trace, none wider than `width` or `MIN_WIDTH`, without characters that move a cursor."""
    width = max(width, MIN_WIDTH)
    entries = trace.entries
    begin, end = _span(entries)
    yield _fitted(f"trace {trace.correlation_id}: {len(entries)} records in {end - begin} ms", width).rstrip()
    bar = min(max(width - _PLACE - _TIME - _NAME, BAR[0]), BAR[1])
    name = width - _PLACE - _TIME - bar - 3
    for entry in entries:
        record = entry.record
        label = _fitted("  " * min(entry.depth, MAX_DEPTH) + described(record), name)
        after = f"+{record.recorded_ms - begin} ms" if record.recorded_ms else "?"
        drawn = _bar(entry, entries, begin, end, bar)
        yield f"{label} {_fitted(record.place, _PLACE)} {_fitted(after.rjust(_TIME), _TIME)} {drawn}".rstrip()
        if entry.applications:
            yield _fitted("  " * min(entry.depth + 2, MAX_DEPTH) + applied(entry.applications), width).rstrip()
    if trace.cut:
        yield _fitted(f"there are more: the first {len(entries)} are shown", width).rstrip()
    if entries and not trace.journal:
        yield _fitted("which processors applied these records is not in the log", width).rstrip()
    if trace.behind:
        yield _fitted(f"the read model has {trace.behind} records of the log still to read", width).rstrip()


def described(record: TraceRecord) -> str:
    """Return what a record is, what it decided and whose it is, in a few words."""
    name = record.type.removeprefix("caas.").rpartition(".")[0] or record.type or "no event"
    if record.processor is not None:
        name = f"dead letter of {record.processor}"
    words = [name, record.action, record.outcome, record.code, record.stage]
    if record.stage is not None:
        words.append(f"up to {record.seq}" if record.by and record.seq else None)
        words.append(f"x{record.names}" if (record.names or 0) > 1 else None)
    who = record.by or record.actor
    words.append(f"by {who}" if who else None)
    words.append(f"at {node}" if record.by and (node := record.source.removeprefix(NODES)) != record.source else None)
    return " ".join(_plain(word) for word in words if word)


def applied(applications: Sequence[TraceApplication]) -> str:
    """Return which processors applied a record, and how long after the log got it: those that have not stand first."""
    waiting = [one.processor for one in applications if not one.applied]
    done = [f"{one.processor} {_after(one)}".rstrip() for one in applications if one.applied]
    return "; ".join(filter(None, ("not applied by " * bool(waiting) + ", ".join(waiting), ", ".join(done))))


def _after(application: TraceApplication) -> str:
    return "" if application.latency_ms is None else f"+{application.latency_ms} ms"


def _span(entries: Sequence[TraceEntry]) -> tuple[int, int]:
    times = [entry.record.recorded_ms for entry in entries if entry.record.recorded_ms]
    return (min(times), max(times)) if times else (0, 0)


def _bar(entry: TraceEntry, entries: Sequence[TraceEntry], begin: int, end: int, width: int) -> str:
    """Return a bar from the cause's time to the record's; at least one mark where the record stands."""
    if not entry.record.recorded_ms:
        return ""
    cause = entry.record if entry.parent is None else entries[entry.parent].record
    ends = _column(entry.record.recorded_ms, begin, end, width)
    starts = min(_column(cause.recorded_ms or entry.record.recorded_ms, begin, end, width), ends)
    return " " * starts + "─" * (ends - starts) + "●"


def _column(at: int, begin: int, end: int, width: int) -> int:
    return 0 if end == begin else min(max(at - begin, 0) * (width - 1) // (end - begin), width - 1)


def _fitted(text: str, width: int) -> str:
    """Return the text in exactly this width; what does not fit ends with an ellipsis."""
    shown = _plain(text)
    return shown.ljust(width) if len(shown) <= width else shown[: width - 1] + "…"


def _plain(text: str) -> str:
    """Return the text without what a terminal would obey: anybody may have written a record."""
    return "".join([char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text])
