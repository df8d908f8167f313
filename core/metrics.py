"""The tables of counters and gauges: every name that `Health.count` and `Health.gauge` are given, and what it means.

docs/operations.md shows these tables; `/health` serves the numbers of a process. `{processor}` stands for the name of a
processor, `{code}` for a code of `schemas.wire.errors`.
"""

from typing import Final

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
    "commands": "a command, query or signal came in",
    "frames_refused": "a frame was no command, and was answered by an error",
    "frames_waited": "a frame or request waited for its user's share of the node's time",
    "answered_{code}": "a command was answered by an error of this code",
    "backpressure_ms": "milliseconds that connections were not read, since read models were behind what was accepted",
    "syncs_waited": "a client asked for a `sync` while another was under way on its line, and was not read meanwhile",
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
    "hints_lost": "a push did not reach the bus",
    "effects_too_large": "an event that a processor was to append is larger than a record may be, and was left out",
    "search_index_fills": "the search index was filled from its rows",
}

GAUGES: Final[dict[str, str]] = {
    "unpersisted": "commands that this node accepted and whose read model has not saved them yet, as last looked",
}
"""What goes up and down."""
