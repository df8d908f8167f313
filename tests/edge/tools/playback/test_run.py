from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.sdk.python.caas_client.tokens import TokenRefused
from edge.tools.playback import run
from edge.tools.playback.plan import plan
from edge.tools.playback.recording import Join, Leave, Send, read
from edge.tools.playback.run import Stalled, play
from tests.e2e import oracle
from tests.edge.fake_node import FakeNode, fake_node

SYNTHETIC = Path(__file__).parents[3] / "data" / "recording.jsonl.gz"


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with fake_node() as node:
        yield node


async def test_recording_is_delivered_completely_and_summarized(node: FakeNode) -> None:
    expected = oracle.fold(SYNTHETIC)
    reported: list[tuple[int, int]] = []
    summary = await play(read(SYNTHETIC), node.url, "key", "secret", progress=lambda *at: reported.append(at))
    assert oracle.differences(node.transcript(), expected) == []
    assert summary.rejected == Counter(code for _, code in expected.rejected)
    assert summary.rows == summary.acked + sum(summary.rejected.values()) + summary.skipped
    assert summary.skipped == expected.skipped_leaves
    assert summary.received_by_push + summary.healed == summary.deliveries_expected == expected.deliveries
    assert summary.right
    assert 0 < summary.ack_p50_ms <= summary.ack_p99_ms
    assert reported[-1] == (summary.rows, summary.rows)


async def test_users_are_spread_over_the_nodes_and_connect_once(node: FakeNode) -> None:
    await play(read(SYNTHETIC), node.url, "key", "secret")
    counts = Counter(node.connected)
    assert abs(counts["/socket"] - counts["/socket2"]) <= 1
    assert max(Counter(node.tokens).values()) == 1


async def test_lost_pushes_are_recovered_and_counted(node: FakeNode) -> None:
    node.loses = lambda user, lane, n: user != "play" and lane == "sent" and n % 5 == 2
    node.heartbeat_s = 1.0
    summary = await play(read(SYNTHETIC), node.url, "key", "secret")
    assert summary.healed > 0
    assert summary.right


async def test_broken_lines_cause_no_loss_and_no_duplicates(node: FakeNode) -> None:
    seen: Counter[str] = Counter()

    def cuts(user: str, frame: dict[str, object]) -> int | None:
        seen[user] += 1
        return 4408 if frame["type"] != "sync" and seen[user] in {3, 13} else None

    node.cuts = cuts
    summary = await play(read(SYNTHETIC), node.url, "key", "secret")
    assert summary.reconnects > 5
    assert summary.right
    assert oracle.differences(node.transcript(), oracle.fold(SYNTHETIC)) == []


async def test_duplicate_pushes_are_dropped_by_the_client(node: FakeNode) -> None:
    node.doubles = True
    summary = await play(read(SYNTHETIC), node.url, "key", "secret")
    assert summary.dropped >= summary.deliveries_expected
    assert summary.duplicates == 0


async def test_missing_delivery_counts_as_lost(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LAST_DELIVERIES_S", 0.1)
    node.loses = lambda user, lane, n: (user, lane, n) == ("bo", "sent", 1)
    summary = await play([Join("1", "c", "bo"), Send("2", "c", "ada", "x")], node.url, "key", "secret")
    assert (summary.deliveries_expected, summary.received_by_push, summary.lost) == (2, 1, 1)
    assert not summary.right


async def test_delivery_to_a_user_who_left_is_counted_and_is_no_fault(node: FakeNode) -> None:
    rows = [Join("1", "c", "bo"), Leave("2", "c", "bo"), Send("3", "c", "ada", "x")]
    obey = node.move

    def nobody_leaves(actor: str, enter: bool, users: list[str], conversation: object) -> dict[str, object]:
        answer = {"conversation_id": conversation.id, "level": "accepted"}  # type: ignore[attr-defined]
        return obey(actor, enter, users, conversation) if enter else answer  # type: ignore[arg-type]

    node.move = nobody_leaves  # type: ignore[assignment,method-assign]
    summary = await play(rows, node.url, "key", "secret")
    assert summary.unexpected == 1
    assert summary.right


async def test_limit_plays_only_the_first_rows(node: FakeNode) -> None:
    summary = await play(read(SYNTHETIC), node.url, "key", "secret", limit=40)
    assert summary.rows == 40
    assert summary.right


async def test_message_that_is_never_persisted_stalls_the_play_and_is_named(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "STALL_S", 0.3)
    node.loses = lambda user, lane, n: lane in {"sent", "receipt"}
    with pytest.raises(Stalled, match="send of line 1 is not persisted"):
        await play([Send("1", "c", "ada", "x")], node.url, "key", "secret")


async def test_wrong_secret_is_reported(node: FakeNode) -> None:
    with pytest.raises(TokenRefused, match="unauthorized"):
        await play(read(SYNTHETIC), node.url, "key", "wrong")


async def test_views_match_the_recording_after_chaos(node: FakeNode) -> None:
    node.answers |= {"message:read": {}, "conversation:list": {"conversations": [], "after": None}}
    summary = await play(read(SYNTHETIC), node.url, "key", "secret", chaos=1)
    assert min(summary.cuts, summary.losses, summary.reconnects) > 5
    assert (summary.views, summary.views_different) == (len(plan(read(SYNTHETIC)).users), 0)
    assert summary.right
    assert oracle.differences(node.transcript(), oracle.fold(SYNTHETIC)) == []


async def test_without_chaos_no_line_breaks_and_no_view_is_compared(node: FakeNode) -> None:
    summary = await play(read(SYNTHETIC), node.url, "key", "secret")
    assert (summary.cuts, summary.losses, summary.views) == (0, 0, 0)
