"""Services beside a block run as long as it, and none of them fails silently."""

import asyncio
import warnings

import pytest

from edge.process.background import background


class Service:
    """A service that runs until it is cancelled or ended by the test."""

    def __init__(self) -> None:
        self.began = self.ended = False
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        self.began = True
        try:
            await self.end
        finally:
            self.ended = True


async def test_services_run_beside_the_block_and_end_with_it() -> None:
    service = Service()
    async with background(("one", service.run())):
        await asyncio.sleep(0)
        assert (service.began, service.ended) == (True, False)
    assert service.ended


async def test_failed_service_ends_the_block() -> None:
    service, other = Service(), Service()
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="gone")):
        async with background(("one", service.run()), ("other", other.run())):
            await asyncio.sleep(0)
            service.end.set_exception(OSError("gone"))
            await asyncio.Event().wait()
    assert other.ended


async def test_service_that_returns_ends_the_block() -> None:
    service = Service()
    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="one ended by itself")):
        async with background(("one", service.run())):
            service.end.set_result(None)
            await asyncio.Event().wait()


async def test_error_of_the_block_is_raised_unchanged() -> None:
    service = Service()
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as raised:
        async with background(("one", service.run())):
            await asyncio.sleep(0)
            raise error
    assert raised.value is error
    assert service.ended


async def test_failed_block_leaves_no_service_unawaited() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="at once"):
            async with background(("one", Service().run())):
                raise ValueError("at once")


async def test_cancelled_block_ends_its_services() -> None:
    service = Service()

    async def block() -> None:
        async with background(("one", service.run())):
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    while not service.began:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert service.ended
