import os
from pathlib import Path

import pytest

from edge.tools.playback.plan import Plan, Step, plan
from edge.tools.playback.recording import AnyRow, Delete, Edit, Join, Leave, Send, read
from tests.e2e import oracle

SYNTHETIC = Path(__file__).parents[3] / "data" / "recording.jsonl.gz"
REAL = os.environ.get("CAAS_RECORDING", "")


def send(at: str, user: str, channel: str = "c", thread: str | None = None) -> Send:
    return Send(at, channel, user, f"text {at}", thread)


def edit(at: str, user: str, target: str) -> Edit:
    return Edit(at, "c", user, target, f"text {at}")


def only(planned: Plan, line: int) -> Step:
    (found,) = [step for step in planned.steps if step.line == line]
    return found


def waits_for(planned: Plan, line: int) -> set[tuple[str, int, str]]:
    return {(planned.steps[n].act, planned.steps[n].line, level) for n, level in only(planned, line).after}


def acts(*rows: AnyRow) -> list[tuple[str, str, str]]:
    return [(step.act, step.actor, step.user) for step in plan(rows).steps]


def test_player_creates_each_channel_once_and_adds_users() -> None:
    assert acts(Join("1", "c", "ada"), Join("2", "c", "bo")) == [
        ("create", "play", "play"),
        ("add", "play", "ada"),
        ("add", "play", "bo"),
    ]


def test_user_who_acts_without_having_joined_is_added_first() -> None:
    made = [("create", "play", "play"), ("add", "play", "ada")]
    assert acts(send("1", "ada")) == [*made, ("send", "ada", "ada")]
    assert acts(edit("1", "ada", "0")) == [*made, ("edit", "ada", "ada")]
    assert acts(Delete("1", "c", "ada", "0")) == [*made, ("delete", "ada", "ada")]


def test_user_who_left_is_added_again() -> None:
    rows = (Join("1", "c", "ada"), Leave("2", "c", "ada"), send("3", "ada"))
    assert [act for act, _, _ in acts(*rows)] == ["create", "add", "leave", "add", "send"]


def test_leave_of_a_non_member_is_skipped_and_counted() -> None:
    planned = plan([Join("1", "c", "ada"), Leave("2", "c", "bo"), Leave("3", "c", "ada"), Leave("4", "c", "ada")])
    assert planned.skipped_leaves == 2
    assert [step.act for step in planned.steps] == ["create", "add", "leave"]


def test_rows_of_a_user_are_ordered_across_channels() -> None:
    planned = plan([Join("1", "c", "ada"), Join("2", "d", "ada"), send("3", "ada"), send("4", "ada", "d")])
    assert ("send", 3, "answered") in waits_for(planned, 4)


def test_users_do_not_wait_for_each_other_without_need() -> None:
    planned = plan([Join("1", "c", "ada"), Join("2", "c", "bo"), send("3", "ada"), send("4", "bo")])
    assert waits_for(planned, 4) == {("add", 2, "answered")}


def test_join_and_leave_are_barriers_of_their_channel() -> None:
    planned = plan(
        [
            Join("1", "c", "ada"),
            send("2", "ada"),
            edit("3", "ada", "2"),
            Join("4", "c", "bo"),
            send("5", "ada"),
            Leave("6", "c", "bo"),
        ]
    )
    before = {("add", 1, "answered"), ("send", 2, "persisted"), ("edit", 3, "answered")}
    assert waits_for(planned, 4) == before
    assert ("add", 4, "answered") in waits_for(planned, 5)
    assert ("send", 5, "persisted") in waits_for(planned, 6)


def test_reply_waits_for_its_root_if_it_has_one() -> None:
    planned = plan([send("1", "ada"), send("2", "bo", thread="1"), send("3", "bo", thread="0")])
    assert ("send", 1, "persisted") in waits_for(planned, 2)
    assert only(planned, 2).target == only(planned, 1).number
    assert only(planned, 3).target is None
    assert planned.rootless_replies == 1


def test_root_in_another_channel_is_ignored() -> None:
    assert plan([send("1", "ada", "d"), send("2", "bo", thread="1")]).rootless_replies == 1


def test_changes_of_one_message_follow_it_and_each_other() -> None:
    planned = plan([send("1", "ada"), edit("2", "ada", "1"), edit("3", "bo", "1"), edit("4", "ada", "1")])
    assert ("send", 1, "persisted") in waits_for(planned, 2)
    assert ("edit", 2, "answered") in waits_for(planned, 3)
    assert ("edit", 3, "answered") in waits_for(planned, 4)


def test_change_after_a_deletion_waits_until_the_deletion_is_persisted() -> None:
    planned = plan([send("1", "ada"), Delete("2", "c", "ada", "1"), edit("3", "ada", "1")])
    assert ("delete", 2, "persisted") in waits_for(planned, 3)


def test_audience_of_a_message_is_the_members_without_the_player() -> None:
    planned = plan([send("1", "ada"), send("2", "bo"), Leave("3", "c", "ada"), send("4", "bo")])
    assert [only(planned, line).audience for line in (1, 2, 4)] == [{"ada"}, {"ada", "bo"}, {"bo"}]


def assert_sound(planned: Plan) -> None:
    """Assert that a step waits only for earlier ones, and that every row is a step or counted."""
    assert all(number < step.number for step in planned.steps for number, _ in step.after)
    assert planned.rows == sum(step.line > 0 for step in planned.steps) + planned.skipped_leaves


def assert_agrees(planned: Plan, path: Path) -> None:
    expected = oracle.fold(path)
    assert planned.skipped_leaves == expected.skipped_leaves
    assert planned.rootless_replies == expected.rootless_replies
    assert sum(len(step.audience) for step in planned.steps) == expected.deliveries


def test_plan_of_the_synthetic_recording_agrees_with_the_oracle() -> None:
    planned = plan(read(SYNTHETIC))
    assert_sound(planned)
    assert_agrees(planned, SYNTHETIC)


@pytest.mark.skipif(not REAL, reason="CAAS_RECORDING names no recording")
def test_plan_of_the_real_recording_has_the_known_numbers() -> None:
    planned = plan(read(Path(REAL)))
    assert_sound(planned)
    assert_agrees(planned, Path(REAL))
    expected = oracle.fold(Path(REAL))
    codes = [code for _, code in expected.rejected]
    assert (planned.rows, len(planned.users), planned.skipped_leaves, planned.rootless_replies) == (6018, 458, 46, 24)
    assert (codes.count("message_not_found"), codes.count("not_the_author"), len(codes)) == (6, 1, 7)
    assert (expected.unchanging_edits, expected.returning_edits) == (392, 4)
