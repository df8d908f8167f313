"""Waiting for what comes true by itself: ask again and again, and say what was still wrong at the end."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

STEP_S = 0.01


async def eventually(check: Callable[[], Any], within: float = 5.0) -> Any:
    """What `check` (a function, plain or async) answers once it neither raises nor answers False.

    After `within` seconds its last failure is raised.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        try:
            answer = check()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer is not False:
                return answer
            failure: Exception = AssertionError(f"still not so after {within} s")
        except Exception as error:
            failure = error
        if loop.time() >= deadline:
            raise failure
        await asyncio.sleep(STEP_S)
