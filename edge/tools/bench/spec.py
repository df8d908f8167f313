"""What a process of the bench is told to do: a file of JSON, since a thousand tokens fit on no command line."""

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
    """So much load on one node.

    `in_flight` bounds what a sender has sent and not seen acknowledged, `window` what a room has sent and not seen
    delivered (None: nobody waits for deliveries). `pace` sends per second at even times instead of as fast as it goes.
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
    """What a load saw: per second while measured; the times from sending (or from when it was due) to the ack."""

    acks_per_s: float
    pushes_per_s: float
    ack_p50_ms: float
    ack_p99_ms: float
    sent: int


class Seat(msgspec.Struct, frozen=True):
    """A connection to come: to which port, and with whose token."""

    port: int
    token: str


class Circle(msgspec.Struct, frozen=True):
    """A conversation, and the numbers of the seats in it."""

    conversation_id: str
    members: list[int]


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """So many sends a second into these circles for so long, and everything that comes is counted.

    `pids` are the nodes whose memory is looked at; what is sent in the first `warm_s` counts, but is not timed.
    """

    seats: list[Seat]
    circles: list[Circle]
    run: str
    rate: float
    seconds: float
    warm_s: float = 3.0
    text_bytes: int = 200
    pids: list[int] = []


class Talked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a talk. `faults` says what came twice, out of order, never or as an error; the first hundred.

    Times are in milliseconds from when a send was due; `late` is how late the load itself was.
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
    connect_s: float
    drain_s: float
    idle_kib: float
    used_kib: float

    @property
    def right(self) -> bool:
        """Whether every delivery came once and in order, and every send was acknowledged."""
        return not self.faults and (self.sent, self.deliveries_expected) == (self.acked, self.delivered)


class Searches(msgspec.Struct, frozen=True, kw_only=True):
    """Search among so many messages for so long, alone and beside a busy one."""

    messages: int
    seconds: float


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """What searches took, from when each was due: of people `alone`, `beside` the busy one, and of the busy one;
    `cpu_ms` is the processor time of one, whosever.
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
    """Messages that are in the log: where each partition begins and ends for a measurement, `[topic, number, …]`."""

    start: list[tuple[str, int, int]] = []
    ends: list[tuple[str, int, int]] = []

    @property
    def total(self) -> int:
        """How many."""
        return sum(offset for *_, offset in self.ends) - sum(offset for *_, offset in self.start)


class Processing(msgspec.Struct, frozen=True):
    """Runs of processors over the same records: pairs of `bare` and `ours`, each at most so many seconds."""

    bare: str
    ours: str
    records: Records
    pairs: int
    seconds: float
    run: str


class FaustRun(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: `ours`, `bare`, or `live`: ours from the end of the log on, into generation 1, until SIGTERM."""

    way: str
    records: Records = Records()
    seconds: float = 3.0


def given(kind: type[S]) -> S:
    """The spec in the file that the command line names."""
    return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=kind)


def written(spec: msgspec.Struct, path: Path) -> str:
    """Write a spec; its path."""
    path.write_bytes(msgspec.json.encode(spec))
    return str(path)


def say(what: object) -> None:
    """One JSON line for whoever started this process."""
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()
