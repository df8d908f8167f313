import asyncio

from edge.client.pipeline import Pending, Pipeline


def pending(number: int, conversation: str = "") -> Pending:
    data = {"conversation_id": conversation} if conversation else {}
    answer = asyncio.get_running_loop().create_future()
    return Pending(number, "message:send", data, "", False, answer, 0.0)


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


async def test_commands_go_out_in_the_order_asked_and_never_more_than_the_limit() -> None:
    pipeline = piped(*(pending(number) for number in range(1, 6)), limit=2)
    assert all_next(pipeline) == [1, 2]
    pipeline.answered(1)
    assert all_next(pipeline) == [3]


async def test_what_was_on_a_lost_line_goes_first_in_order_and_as_a_repeat() -> None:
    pipeline = piped(*(pending(number) for number in range(1, 5)), limit=3)
    all_next(pipeline)
    pipeline.answered(2)
    pipeline.lost()
    assert [(one.id, one.retry) for _ in range(3) if (one := pipeline.next())] == [(1, True), (3, True), (4, False)]


async def test_a_command_to_be_repeated_holds_back_its_conversation_and_no_other() -> None:
    pipeline = piped(pending(1, "a"), pending(2, "b"), limit=1)
    assert all_next(pipeline) == [1]
    first = pipeline.again(1)
    pipeline.ask(pending(3, "a"))
    assert all_next(pipeline) == [2]
    pipeline.answered(2)
    assert all_next(pipeline) == []
    assert first is not None
    first.paused = False
    assert all_next(pipeline) == [1]
    pipeline.answered(1)
    assert all_next(pipeline) == [3]


async def test_several_to_be_repeated_go_one_after_the_other_in_their_order() -> None:
    pipeline = piped(pending(1, "a"), pending(2, "a"), pending(3, "a"), limit=2)
    assert all_next(pipeline) == [1, 2]
    for one in (pipeline.again(2), pipeline.again(1)):
        assert one is not None
        one.paused = False
    assert all_next(pipeline) == [1]
    pipeline.answered(1)
    assert all_next(pipeline) == [2]
    pipeline.answered(2)
    assert all_next(pipeline) == [3]


async def test_a_command_nobody_waits_for_is_forgotten_and_holds_nothing_back() -> None:
    pipeline = piped(pending(1, "a"), pending(2, "a"))
    first = pipeline.next()
    assert first is not None
    pipeline.again(1)
    first.answer.cancel()
    assert all_next(pipeline) == [2]


async def test_an_answer_to_nothing_answers_nothing() -> None:
    pipeline = piped(pending(1))
    assert pipeline.answered(1) is None
    assert pipeline.answered("sync-1") is None
    assert pipeline.again(None) is None
