"""Specs describe the task of a bench process: JSON files, since a thousand tokens do not fit on a command line."""

import sys
from pathlib import Path
from typing import TypeVar

import msgspec

S = TypeVar("S")


class Room(msgspec.Struct, frozen=True):
    """A conversation, a token of each member that connects, and how many of them (the first ones) send."""

    conversation_id: str
    tokens: list[str]
    senders: int = 1


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The load on one node.

    `in_flight` is the maximum of unacknowledged sends of a sender, `window` the maximum of undelivered sends of a room
    (None: do not wait for deliveries). `pace` is a rate in sends per second at even times, None: as fast as possible.
    """

    port: int
    rooms: list[Room]
    run: str
    seconds: float
    warm_s: float = 0.5
    in_flight: int = 64
    window: int | None = None
    pace: float | None = None
    text_bytes: int = 200


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a load: rates per second; times from sending (or from the due time) to the ack."""

    acks_per_s: float
    pushes_per_s: float
    ack_p50_ms: float
    ack_p99_ms: float
    sent: int


class Seat(msgspec.Struct, frozen=True):
    """A connection to open: its port and token."""

    port: int
    token: str


class Circle(msgspec.Struct, frozen=True):
    """A conversation, and the numbers of its members' seats."""

    conversation_id: str
    members: list[int]


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """A load of `rate` sends per second into these circles for `seconds`, in which every delivery is counted.

    With `in_flight` there is no rate: each seat keeps so many sends unacknowledged, in the last circle that it is in.
    `pids` are the servers whose memory and processor time are measured; sends in the first `warm_s` are counted, but
    not timed.
    """

    seats: list[Seat]
    circles: list[Circle]
    run: str
    seconds: float
    rate: float = 0.0
    in_flight: int | None = None
    warm_s: float = 3.0
    text_bytes: int = 200
    pids: list[int] = []


class Talked(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a talk. `faults` are the first hundred duplicates, gaps, missing deliveries and errors.

    Times are in milliseconds from the due time of a send; `late` is the delay of the load itself, `drain_s` the time
    from the last send until everything arrived. After `warm_s`, and before the last send, so many sends were
    acknowledged and delivered per second: a send is delivered as often as its circle has members, and counts once.
    `undelivered` are the sends that were acknowledged and not delivered at the last send, `cpu_ms` is the processor
    time of each of `pids` per send, after `warm_s` and until everything arrived.
    """

    connections: int
    sent: int
    acked: int
    deliveries_expected: int
    delivered: int
    faults: list[str]
    ack_p50_ms: float
    ack_p99_ms: float
    delivered_p50_ms: float
    delivered_p99_ms: float
    late_p99_ms: float
    acked_per_s: float
    delivered_per_s: float
    undelivered: int
    cpu_ms: list[float]
    connect_s: float
    drain_s: float
    idle_kib: float
    used_kib: float

    @property
    def right(self) -> bool:
        """Whether every delivery arrived once and in order, and every send was acknowledged."""
        return not self.faults and (self.sent, self.deliveries_expected) == (self.acked, self.delivered)


class Searches(msgspec.Struct, frozen=True, kw_only=True):
    """Searches among `messages` for `seconds`, alone and beside a busy user."""

    messages: int
    seconds: float


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """Times of searches, each from its due time: of users `alone`, `beside` the busy one, and of the busy one;
    `cpu_ms` is the processor time per search of all of them.
    """

    messages: int
    filled_s: float
    searches: int
    cpu_ms: float
    alone_p50_ms: float
    alone_p99_ms: float
    beside_p50_ms: float
    beside_p99_ms: float
    busy_searches: int
    busy_p50_ms: float
    busy_p99_ms: float


class Audits(msgspec.Struct, frozen=True, kw_only=True):
    """`queries` of each form among so many audit records."""

    records: int
    queries: int


class AuditForm(msgspec.Struct, frozen=True):
    """The times of one form of query, and the processor time of the process at p99, in milliseconds."""

    p50_ms: float
    p99_ms: float
    cpu_p99_ms: float


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """The times of each form; `cpu_us` is the processor time per record of the processor `audit` while it filled."""

    records: int
    filled_s: float
    cpu_us: float
    forms: dict[str, AuditForm]


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """`queries` of each form of trace among so many records of the log."""

    records: int
    queries: int


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """The times of each form; `cpu_us` is the processor time per record of the processor `trace` while it filled."""

    records: int
    filled_s: float
    cpu_us: float
    forms: dict[str, AuditForm]


class Hold(msgspec.Struct, frozen=True):
    """Connections to keep open and idle."""

    port: int
    tokens: list[str]


class Bare(msgspec.Struct, frozen=True):
    """A bare server: `append` to the log and acknowledge, or `broadcast` to all sockets. Sizes in bytes."""

    kind: str
    value_bytes: int = 0
    push_bytes: int = 0


class Records(msgspec.Struct, frozen=True):
    """Messages in the log: the begin and end offset of each partition for a measurement, `[topic, number, offset]`."""

    start: list[tuple[str, int, int]] = []
    ends: list[tuple[str, int, int]] = []

    @property
    def total(self) -> int:
        """Number of records."""
        return sum(offset for *_, offset in self.ends) - sum(offset for *_, offset in self.start)


class Processing(msgspec.Struct, frozen=True):
    """Runs of processors over the same records: pairs of `bare` and `ours`, each at most `seconds` long."""

    bare: str
    ours: str
    records: Records
    pairs: int
    seconds: float
    run: str


class FaustRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of `ours`, `bare`, or `live`: ours from the end of the log on, into generation 1, until SIGTERM."""

    way: str
    records: Records = Records()
    seconds: float = 3.0


def given(kind: type[S]) -> S:
    """Return the spec in the file that the command line names."""
    return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=kind)


def written(spec: msgspec.Struct, path: Path) -> str:
    """Write a spec; return its path."""
    path.write_bytes(msgspec.json.encode(spec))
    return str(path)


def say(what: object) -> None:
    """Print one JSON line for the process that started this one."""
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()
