import asyncio
from typing import Any

import pytest

from edge.sdk.python.caas_client.pipeline import Pending, Pipeline
from edge.sdk.python.caas_client.wire import CommandError


def pending(number: int, conversation: str = "", kind: str = "message:send", **more: Any) -> Pending:
    data = ({"conversation_id": conversation} if conversation else {}) | more
    answer = asyncio.get_running_loop().create_future()
    return Pending(number, kind, data, f"c{number}", False, answer)


def piped(*pendings: Pending, limit: int = 64) -> Pipeline:
    pipeline = Pipeline(limit)
    for one in pendings:
        pipeline.ask(one)
    return pipeline


def all_next(pipeline: Pipeline) -> list[int]:
    found = []
    while (one := pipeline.next()) is not None:
        found.append(one.id)
    return found


async def test_commands_are_sent_in_order_and_within_the_limit() -> None:
    pipeline = piped(*(pending(number) for number in range(1, 6)), limit=2)
    assert all_next(pipeline) == [1, 2]
    pipeline.answered(1)
    assert all_next(pipeline) == [3]


async def test_commands_of_a_conversation_are_sent_one_by_one_those_of_others_meanwhile() -> None:
    pipeline = piped(pending(1, "a"), pending(2, "a"), pending(3, "b"), pending(4, "b"))
    assert all_next(pipeline) == [1, 3]
    pipeline.answered(3)
    assert all_next(pipeline) == [4]
    pipeline.answered(1)
    assert all_next(pipeline) == [2]


async def test_query_waits_for_no_command_and_holds_none_back() -> None:
    asked = [pending(1, "a"), pending(2, "a", "message:history"), pending(3, "a", "message:get"), pending(4, "a")]
    pipeline = piped(*asked)
    assert all_next(pipeline) == [1, 2, 3]
    pipeline.answered(1)
    assert all_next(pipeline) == [4]


async def test_typing_holds_back_no_message_and_stop_follows_start() -> None:
    asked = [pending(1, "a", "typing:start"), pending(2, "a"), pending(3, "a", "typing:stop")]
    pipeline = piped(*asked, pending(4, "", "presence:set"), pending(5, "", "presence:set"))
    assert all_next(pipeline) == [1, 2, 4]
    pipeline.answered(1)
    pipeline.answered(4)
    assert all_next(pipeline) == [3, 5]


async def test_commands_of_a_lost_line_are_repeated_first_and_in_order() -> None:
    pipeline = piped(*(pending(number) for number in range(1, 5)), limit=3)
    all_next(pipeline)
    pipeline.answered(2)
    pipeline.lost()
    assert [(one.id, one.retry) for _ in range(3) if (one := pipeline.next())] == [(1, True), (3, True), (4, False)]


async def test_command_to_be_repeated_holds_back_only_its_conversation() -> None:
    pipeline = piped(pending(1, "a"), pending(2, "b"), limit=1)
    assert all_next(pipeline) == [1]
    first = pipeline.again(1)
    assert first is not None
    pipeline.ask(pending(3, "a"))
    assert all_next(pipeline) == [2]
    pipeline.answered(2)
    assert all_next(pipeline) == []
    pipeline.resume(first)
    assert all_next(pipeline) == [1]
    pipeline.answered(1)
    assert all_next(pipeline) == [3]


async def test_command_that_waits_for_more_lets_others_go_once_it_is_accepted() -> None:
    pipeline = piped(pending(1, "a", wait_for="read"), pending(2, "a"), pending(3, "a"))
    assert all_next(pipeline) == [1]
    assert not pipeline.received("c2")
    assert pipeline.received("c1")
    assert not pipeline.received("c1")
    assert all_next(pipeline) == [2]
    pipeline.lost()
    assert all_next(pipeline) == [1, 2]
    pipeline.answered(2)
    assert all_next(pipeline) == [3]
    assert pipeline.answered(1) is not None
    pipeline.answered(3)
    assert len(pipeline) == 0


async def test_cancelled_command_is_forgotten_and_holds_nothing_back() -> None:
    pipeline = piped(pending(1, "a"), pending(2, "a"))
    first = pipeline.next()
    assert first is not None
    pipeline.again(1)
    first.answer.cancel()
    assert all_next(pipeline) == [2]
    pipeline.resume(first)
    assert all_next(pipeline) == []


async def test_cancelled_command_makes_room_for_another() -> None:
    pipeline = Pipeline(most=3)
    first, second, third = (pending(number, "a") for number in range(1, 4))
    for one in (first, second, third):
        pipeline.ask(one)
    assert pipeline.next() is first
    with pytest.raises(CommandError):
        pipeline.ask(pending(4, "a"))
    first.answer.cancel()
    second.answer.cancel()
    pipeline.ask(pending(5, "b"))
    assert len(pipeline) == 3
    assert all_next(pipeline) == [5]
    pipeline.answered(1)
    assert all_next(pipeline) == [3]


async def test_failure_ends_every_waiting_command_and_leaves_nothing() -> None:
    asked = [pending(number, "a") for number in range(1, 4)]
    pipeline = piped(*asked, pending(4))
    all_next(pipeline)
    pipeline.again(1)
    pipeline.fail(ValueError())
    assert [type(one.answer.exception()) for one in asked] == [ValueError] * 3
    assert (len(pipeline), all_next(pipeline)) == (0, [])


async def test_answer_to_no_command_is_ignored() -> None:
    pipeline = piped(pending(1))
    assert pipeline.answered(1) is None
    assert pipeline.answered("sync-1") is None
    assert pipeline.again(None) is None
