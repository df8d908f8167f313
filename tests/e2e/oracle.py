"""Oracle folds a recording into its expected result without our code, and finds the differences of a transcript.

Run as a program: `python tests/e2e/oracle.py RECORDING < TRANSCRIPT`; prints each difference and exits 1 if any.
"""

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]
COMPARED = ("sender", "text", "edited", "deleted", "reply_to")


@dataclass
class Expected:
    """The expected final state of a message; `edited` stays true after a deletion."""

    sender: str
    text: str | None
    reply_to: str | None
    edited: bool = False
    deleted: bool = False
    deleted_by: str | None = None


@dataclass
class Oracle:
    """Channel → `at` of the message → expected message, in the order of the file; and the rows without effect."""

    channels: dict[str, dict[str, Expected]] = field(default_factory=dict)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    skipped_leaves: int = 0
    rootless_replies: int = 0
    unchanging_edits: int = 0
    returning_edits: int = 0
    deliveries: int = 0


def read(path: Path) -> list[Row]:
    """Return the rows of a gzipped recording."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def fold(recording: Path | Iterable[Row]) -> Oracle:
    """Return the expected result of a recording or of these rows."""
    rows = read(recording) if isinstance(recording, Path) else recording
    oracle = Oracle()
    members: dict[str, set[str]] = {}
    texts: dict[tuple[str, str], list[str]] = {}
    for line, row in enumerate(rows, 1):
        kind, user, channel = row["kind"], row["user"], row["channel"]
        present = members.setdefault(channel, set())
        if kind == "leave":
            oracle.skipped_leaves += user not in present
            present.discard(user)
            continue
        present.add(user)
        sent = oracle.channels.setdefault(channel, {})
        if kind == "send":
            root = row.get("thread")
            oracle.rootless_replies += root is not None and root not in sent
            sent[row["at"]] = Expected(user, row["text"], root if root in sent else None)
            texts[channel, row["at"]] = [row["text"]]
            oracle.deliveries += len(present)
        elif kind in {"edit", "delete"}:
            code = _refusal(sent.get(row["target"]), kind, user)
            if code is not None:
                oracle.rejected.append((line, code))
            elif kind == "delete":
                _delete(sent[row["target"]], user)
            else:
                _edit(oracle, sent[row["target"]], row["text"], texts[channel, row["target"]])
        elif kind != "join":
            raise ValueError(f"line {line}: no row is a {kind!r}")
    return oracle


def _refusal(message: Expected | None, kind: str, user: str) -> str | None:
    if message is None or (message.deleted and (kind == "edit" or message.deleted_by != user)):
        return "message_not_found"
    return None if message.sender == user else "not_the_author"


def _edit(oracle: Oracle, message: Expected, text: str, before: list[str]) -> None:
    if text == before[-1]:
        oracle.unchanging_edits += 1
    elif text in before:
        oracle.returning_edits += 1
    message.edited |= text != before[-1]
    message.text = text
    before.append(text)


def _delete(message: Expected, user: str) -> None:
    message.deleted, message.deleted_by, message.text = True, user, None


def differences(lines: Iterable[Row], oracle: Oracle) -> list[str]:
    """Return all differences between a transcript and the expected result, in words."""
    found: list[str] = []
    by_channel: dict[str, list[Row]] = {}
    ids: Counter[str] = Counter()
    for line in lines:
        by_channel.setdefault(line["conversation"], []).append(line)
        ids[line["message_id"]] += 1
    found += [f"message_id {key} occurs {count} times" for key, count in ids.items() if count > 1]
    for channel in sorted(by_channel.keys() | {name for name, sent in oracle.channels.items() if sent}):
        found += _channel_differences(channel, by_channel.get(channel, []), oracle.channels.get(channel, {}))
    return found


def _channel_differences(channel: str, lines: list[Row], sent: dict[str, Expected]) -> list[str]:
    found: list[str] = []
    numbers = [line["seq"] for line in lines]
    if numbers != list(range(1, len(lines) + 1)):
        found.append(f"{channel}: seq is not 1 to {len(lines)} in order: {numbers[:20]}")
    counts = Counter(line["client_msg_id"] for line in lines)
    found += [f"{channel} {at}: is missing" for at in sent if at not in counts]
    found += [f"{channel} {at}: is there and was never sent" for at in counts if at not in sent]
    found += [f"{channel} {at}: is there {count} times" for at, count in counts.items() if count > 1]
    for line in lines:
        if line["client_msg_id"] in sent:
            found += _message_differences(channel, line, sent[line["client_msg_id"]])
    return found + _disorder(channel, lines, sent)


def _message_differences(channel: str, line: Row, expected: Expected) -> list[str]:
    where = f"{channel} {line['client_msg_id']}"
    return [
        f"{where}: {name} is {line[name]!r}, must be {getattr(expected, name)!r}"
        for name in COMPARED
        if line[name] != getattr(expected, name)
    ]


def _disorder(channel: str, lines: list[Row], sent: dict[str, Expected]) -> list[str]:
    """Return violations of the order: each user's messages in the file's order, and each reply after its root."""
    found: list[str] = []
    rank = {at: number for number, at in enumerate(sent)}
    last: dict[str, int] = {}
    seen: set[str] = set()
    for line in sorted(lines, key=lambda line: line["seq"]):
        at = line["client_msg_id"]
        seen.add(at)
        if at not in rank:
            continue
        if rank[at] < last.get(sent[at].sender, -1):
            found.append(f"{channel} {at}: comes after a later message of {sent[at].sender}")
        last[sent[at].sender] = max(rank[at], last.get(sent[at].sender, -1))
        root = sent[at].reply_to
        if root is not None and root not in seen:
            found.append(f"{channel} {at}: comes before {root}, which it answers")
    return found


def main() -> int:
    """Check standard input against a recording."""
    oracle = fold(Path(sys.argv[1]))
    found = differences((json.loads(line) for line in sys.stdin), oracle)
    for difference in found:
        print(difference)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
