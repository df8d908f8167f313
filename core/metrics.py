"""The tables of metrics: every name that `Health` counts and measures under, and what it means.

docs/operations.md shows these tables; `/health` serves counters and gauges under these names, `/metrics` all of them
under the names of `FAMILIES`. What stands in braces is a label: `{processor}` is the name of a processor, `{type}` that
of a command, query or signal, `{outcome}` is `ok` or a code of `schemas.wire.errors`, `{level}` how far a command has
come, `{topic}` and `{partition}` are a partition of the log. No label is the id of a user or a conversation.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]

COUNTERS: Final[dict[str, str]] = {
    # Connections
    "handshakes_refused": "a handshake was refused: too many came from its address in a short time",
    "unauthenticated_refused": "a handshake was refused: too many connections wait for their login",
    "waiting_refused": "a TCP connection was refused: too many of its address, or in all, have sent no request",
    "node_full": "a handshake was refused: the node has its maximum of connections",
    "user_connections_refused": "a login was refused: the user has the maximum of connections at this node",
    "origins_refused": "a handshake was refused: its page is of an origin that may not connect",
    "upgrades_refused": "a request for `/socket` was no WebSocket handshake",
    "subprotocols_refused": "a handshake asked for subprotocols of which none is ours",
    "logins_refused": "a token was missing, wrong or expired",
    "renewals_refused": "a token that was to replace another on an open line was refused",
    "malformed_requests": "a request was no HTTP/1.1",
    "slow_requests": "a connection was cut: its request did not come in time",
    "slow_answers": "a connection was cut: its peer did not take an answer in time",
    "slow_consumers": "a client was closed: it did not read its frames in time",
    "unmasked_frames": "a client was closed: it sent a frame without a mask",
    "control_floods": "a client was closed: it sent too many pings or pongs",
    "fragment_floods": "a client was closed: it sent too many fragments",
    "connection_failed": "a connection failed for a reason of ours; the log has a traceback",
    "drained_unanswered": "a client of a node that stopped was closed before all its commands were answered",
    # Commands and queries
    "commands_received": "a command, query or signal came in",
    "commands_{type}_{outcome}": "a command, query or signal was answered: `ok`, or by the error of this code",
    "frames_refused": "a frame was no command, and was answered by an error",
    "frames_waited": "a frame or request waited for its user's share of the node's time",
    "backpressure_ms": "for how long connections were not read, since read models were behind what was accepted",
    "syncs_waited": "a client asked for a `sync` while another was under way on its line, and was not read meanwhile",
    "ws_resume_{result}": "a client asked by `sync` for what it had missed: `complete` if it got all, `partial` if it "
    "is to ask again, `reset` if it has to start over in a conversation",
    "rate_limited": "a login or a command was refused: its user asked for too much",
    "limits_down": "a shared limit was counted by this node alone, since its server was away",
    # Delivery
    "delivered": "a push was written to a session",
    "caught_up": "a push that came while a session was being brought up to date was sent to it afterwards",
    "push_early": "a push waited for the node's view, which was older than it",
    "push_duplicate": "a push had been delivered before",
    "push_hole": "a push was not the next of its lane, and the rows before it could not be read yet",
    "push_unwanted": "a push came for a conversation or user without a session here",
    "push_dropped": "a push was left out, since too many waited for its conversation, and was read from the rows later",
    "push_failed": "a push failed for a reason of ours; the log has a traceback",
    "payload_broken": "a message of the bus could not be read",
    "healed": "a push that never came was read from the rows",
    "heal_waits": "a read of missing pushes was repeated, since the store was away or had been started anew",
    "cursors_pushed": "a session was sent a frame of cursors that moved",
    "task_failed": "a background task of the node failed and was started again; the log has a traceback",
    # Presence
    "presence_told": "a session was sent the presence of a user",
    "presence_lost": "a call about nodes or about presence failed",
    "typing_told": "a session was sent that a user types or stopped typing",
    "typing_dropped": "a typing event was sent to nobody, since the server was away or too many users type",
    # Processors
    "{processor}_records": "a record was read",
    "{processor}_dead_letters": "a record could not be understood, and is a dead letter",
    "{processor}_overlooked": "a record that a reader had left out was read from the log",
    "{processor}_pauses_taken_back": "a pause for a switch ended without one",
    "projection_duplicate_{processor}": "a record that had been applied was read again, and changed nothing",
    "projection_gap_{processor}": "a record came before those in front of it, which were then read from the log first",
    "projection_drift_{processor}": "a store had less than was saved in it, or had lost or contradicted its rows",
    "rebalances_{processor}": "Kafka assigned partitions of this processor to this process",
    "journal_dropped": "a batch is missing in the journal of batches: the store was away for long, or refused it",
    "rows_expired": "an old row of the journal or of the trace was removed",
    "hints_lost": "a push did not reach the bus",
    "effects_too_large": "an event that a processor was to append is larger than a record may be, and was left out",
    "search_index_fills": "the search index was filled from its rows",
}

GAUGES: Final[dict[str, str]] = {
    "unpersisted": "commands that this node accepted and whose read model has not saved them yet, as last looked",
    "ws_connections": "WebSockets that are open at this node",
    "audit_checkpoint_age_seconds": "age of the newest checkpoint of the audit log of the tenant that waits "
    "longest for the next one; 0 where no tenant has records without one",
    "check_status_{check}": "0 where this check of `/readyz` passes, 1 where it warns, 2 where it fails",
    "projection_lag_events_{processor}_{topic}_{partition}": "records of a partition that the processor has not "
    "applied, as last looked",
    "projection_lag_seconds_{processor}_{topic}_{partition}": "age of the oldest record of a partition that the "
    "processor has not applied, 0 where it has applied all",
    "dlq_depth_{processor}": "dead letters of the processor in their topic, not older than its retention",
    "dlq_oldest_seconds_{processor}": "age of the oldest of these dead letters",
    "projection_frozen_{processor}_{topic}_{partition}": "1 where the processor is behind the end of a partition and "
    "has not moved for 30 seconds, else 0",
}
"""What goes up and down."""

HISTOGRAMS: Final[dict[str, str]] = {
    "ack_latency_{level}": "from the frame of a command to its acknowledgment with this level",
    "query_latency_{query}": "from the frame of a query to its answer",
    "delivery_latency": "from the append of what a push is about to its hand-over to the sockets, once per session; "
    "without pushes that were read from the rows",
    "{processor}_batch": "from a batch of records to its rows in the store and its pushes on the bus",
}
"""Times, counted by how long they are (`core.histogram`)."""

PROCESS: Final[dict[str, str]] = {
    "process_cpu_seconds_total": "CPU time that the process has taken, in seconds",
    "process_resident_memory_bytes": "memory of the process, in bytes",
    "process_virtual_memory_bytes": "virtual memory of the process, in bytes",
    "process_open_fds": "open files and sockets",
    "process_max_fds": "maximum number of open files and sockets",
    "process_start_time_seconds": "when the process was started, in seconds since 1970",
}
"""What the library adds about the process, on Linux."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric as `/metrics` has it. `key` is its name in the tables; a value of `Health` times `scale` is one in the
    base unit of its name.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    key: str
    meaning: str
    scale: float = 1.0


_LABEL: Final = re.compile(r"\{(\w+)\}")
_SUFFIX: Final[dict[Kind, str]] = {"counter": "_total", "gauge": "", "histogram": "_seconds"}


def _family(kind: Kind, key: str, meaning: str) -> Family:
    """Return the family of a row. Its name loses the labels, but `{processor}` in front stays as a word; it gets the
    base unit.
    """
    name = _LABEL.sub("", key.replace("{processor}_", "processor_") if key.startswith("{") else key).rstrip("_")
    seconds = name.removesuffix("_ms")
    milliseconds = seconds != name
    unit = ("_seconds" if milliseconds else "") + _SUFFIX[kind]
    return Family(f"caas_{seconds}{unit}", kind, tuple(_LABEL.findall(key)), key, meaning, 0.001 if milliseconds else 1)


def _families(kind: Kind, table: dict[str, str]) -> tuple[Family, ...]:
    return tuple(_family(kind, key, meaning) for key, meaning in table.items())


FAMILIES: Final = (*_families("counter", COUNTERS), *_families("gauge", GAUGES), *_families("histogram", HISTOGRAMS))
"""Every metric of ours that `/metrics` exports."""


@lru_cache(maxsize=4096)
def find_family(kind: Kind, name: str) -> tuple[Family, tuple[str, ...]] | None:
    """Return the family of a name in `Health`, and the values of its labels; None where no table has it."""
    families = [family for family in FAMILIES if family.kind == kind]
    for family in sorted(families, key=lambda family: len(family.labels)):  # a name without labels is only itself
        if found := re.fullmatch(_expression(family.key), name):
            return family, found.groups()
    return None


def _expression(key: str) -> str:
    """Return what matches the names of a row. A label that another one follows has no underscore."""
    first, *texts = _LABEL.split(key)[::2]
    return re.escape(first) + "".join(("([^_]+)" if text == "_" else "(.+)") + re.escape(text) for text in texts)
