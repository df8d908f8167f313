"""Tally counts the deliveries and answers of a play as events arrive: received messages, how, and missing ones."""

import statistics
from collections import Counter
from collections.abc import Iterable

import msgspec

from edge.sdk.python.caas_client.wire import Event
from edge.tools.playback.plan import Plan, Step


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome in numbers; times in milliseconds and seconds.

    `rows` = `acked` + rejected + `skipped`. A delivery is one message to one user: `deliveries_expected` =
    `received_by_push` + `healed` + `lost`. `unexpected` went to users who were not members, `duplicates` reached an
    application twice, `dropped` arrived twice and were dropped by the client. `cuts` and `losses` count the lines that
    chaos broke and the pushes it lost; `views` is the number of users whose final view was compared, `views_different`
    how many of these differ, `unread_different` how many users' unread counts do.
    """

    rows: int
    acked: int
    rejected: dict[str, int]
    skipped: int
    rootless_replies: int
    implicit_joins: int
    duplicates: int
    dropped: int
    ack_p50_ms: float
    ack_p99_ms: float
    deliveries_expected: int
    received_by_push: int
    healed: int
    lost: int
    unexpected: int
    reconnects: int
    seconds: float
    cuts: int = 0
    losses: int = 0
    views: int = 0
    views_different: int = 0
    unread_different: int = 0

    @property
    def right(self) -> bool:
        """Whether every accepted message reached each of its recipients once, and no view differs.

        `unexpected` is no fault: a user who leaves may still receive messages until their node has read of the leave.
        """
        return not (self.lost or self.duplicates or self.views_different or self.unread_different)


class Tally:
    """Deliveries and answers of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._by_name = {(step.channel, step.row.at): step for step in plan.steps if step.act == "send"}
        self._channels: dict[str, str] = {}
        self._received: dict[str, set[int]] = {user: set() for user in plan.users}
        self._accepted: set[int] = set()
        self._latencies: list[float] = []
        self._acked = 0
        self._rejected: Counter[str] = Counter()
        self._expected = 0
        self._matched = 0
        self._pushed = 0
        self._healed = 0
        self._unexpected = 0
        self._duplicates = 0

    @property
    def answered(self) -> int:
        """Number of rows that are answered or skipped."""
        return self._acked + self._rejected.total() + self._plan.skipped_leaves

    @property
    def outstanding(self) -> int:
        """Number of deliveries of accepted messages that have not arrived."""
        return self._expected - self._matched

    def conversation(self, conversation_id: str, channel: str) -> None:
        """Map a conversation to its channel."""
        self._channels[conversation_id] = channel

    def acked(self, step: Step, seconds: float) -> None:
        """Count a command that was accepted this many seconds after it was first sent."""
        if step.line:
            self._acked += 1
            self._latencies.append(seconds * 1000)
        if step.act == "send":
            self._accepted.add(step.number)
            self._expected += len(step.audience)

    def rejected(self, code: str) -> None:
        """Count a rejected command of a row."""
        self._rejected[code] += 1

    def received(self, user: str, event: Event) -> Step | None:
        """Count a `message:new` that `user`'s application received; return its send step, if the plan has one."""
        data = event.data
        channel = self._channels.get(data["conversation_id"], "")
        step = self._by_name.get((channel, data["client_msg_id"]))
        got = self._received.get(user)
        if step is None or got is None:
            return step
        if step.number in got:
            self._duplicates += 1
        elif user in step.audience:
            got.add(step.number)
            self._matched += 1
            self._healed += event.healed
            self._pushed += not event.healed
        else:
            got.add(step.number)
            self._unexpected += 1
        return step

    def lost(self) -> int:
        """Return the number of deliveries of accepted messages that never arrived."""
        sends = (self._plan.steps[number] for number in self._accepted)
        return sum(step.number not in self._received[user] for step in sends for user in step.audience)

    def summary(self, dropped: int, reconnects: int, seconds: float) -> Summary:
        """Return the summary."""
        return Summary(
            rows=self._plan.rows,
            acked=self._acked,
            rejected=dict(sorted(self._rejected.items())),
            skipped=self._plan.skipped_leaves,
            rootless_replies=self._plan.rootless_replies,
            implicit_joins=sum(step.act == "add" and not step.line for step in self._plan.steps),
            duplicates=self._duplicates,
            dropped=dropped,
            ack_p50_ms=_percentile(self._latencies, 50),
            ack_p99_ms=_percentile(self._latencies, 99),
            deliveries_expected=self._expected,
            received_by_push=self._pushed,
            healed=self._healed,
            lost=self.lost(),
            unexpected=self._unexpected,
            reconnects=reconnects,
            seconds=round(seconds, 3),
        )


def _percentile(values: Iterable[float], percent: int) -> float:
    found = sorted(values)
    if len(found) < 2:
        return round(found[0], 3) if found else 0.0
    return round(statistics.quantiles(found, n=100, method="inclusive")[percent - 1], 3)
