"""Builds the causal tree of a request from its records: each once, after the one that it came from.

Records say what they came from by the id of an event. Who wrote them may have named anything: itself, an event of
another request, or in a circle; then they stand at the root.
"""

from collections.abc import Iterator, Sequence

from schemas.wire.trace import Trace, TraceEntry, TraceRecord

Parents = list[int | None]


def trace_of(
    correlation_id: str, records: Sequence[TraceRecord], limit: int, *, cut: bool = False, behind: int | None = None
) -> Trace:
    """Return the trace of these records, the first `limit` of them in the order of the log's times. `cut`: there are
    more than these.
    """
    ordered = sorted(records, key=lambda one: (one.recorded_ms, one.topic, one.partition, one.offset))
    kept = ordered[:limit]
    return Trace(
        correlation_id=correlation_id,
        entries=list(_entries(kept, _without_circles(_parents(kept)))),
        cut=cut or len(ordered) > limit,
        behind=behind,
    )


def _parents(records: Sequence[TraceRecord]) -> Parents:
    """Return the index of each record's cause: of an event that is twice in the log the first one."""
    first: dict[str, int] = {}
    for index, record in enumerate(records):
        if record.id:
            first.setdefault(record.id, index)
    parents = [first.get(record.cause) for record in records]
    return [None if parent == index else parent for index, parent in enumerate(parents)]


def _without_circles(parents: Parents) -> Parents:
    """Return the parents, None where the earliest of a circle had one."""
    found, seen_in = list(parents), [0] * len(parents)
    for walk, start in enumerate(range(len(parents)), start=1):
        at: int | None = start
        while at is not None and not seen_in[at]:
            seen_in[at] = walk
            at = found[at]
        if at is not None and seen_in[at] == walk:
            found[min(_circle(at, found))] = None
    return found


def _circle(start: int, parents: Parents) -> Iterator[int]:
    at: int | None = start
    while at is not None:
        yield at
        at = parents[at]
        if at == start:
            return


def _entries(records: Sequence[TraceRecord], parents: Parents) -> Iterator[TraceEntry]:
    """Yield each record after its parent, and siblings in their order."""
    children: list[list[int]] = [[] for _ in records]
    roots: list[int] = []
    for index, parent in enumerate(parents):
        (roots if parent is None else children[parent]).append(index)
    shown: dict[int, int] = {}
    left = [(index, 0) for index in reversed(roots)]
    while left:
        index, depth = left.pop()
        parent = parents[index]
        yield TraceEntry(parent=None if parent is None else shown[parent], depth=depth, record=records[index])
        shown[index] = len(shown)
        left += [(child, depth + 1) for child in reversed(children[index])]
