"""Contract of every event log: raised epochs. Give a fixture `log` of the test's own."""

import pytest

from core.ports.event_log import EventLog
from core.positions import position
from schemas.topics import MESSAGE_SENT, Partition
from tests.contracts.log_calls import append_all, key_in, record, whole

AT = Partition(MESSAGE_SENT, 1)


class LogEpochsContract:
    """The epoch of a log in exclusive use."""

    async def test_raised_epoch_moves_every_record_and_keeps_its_offset(self, log: EventLog) -> None:
        key, first = key_in(AT), (await log.end_offsets([AT]))[AT]
        await append_all(log, [record(key, b"1"), record(key, b"2")])
        before = log.epoch
        await log.raise_epoch(before + 3)
        assert log.epoch == before + 3
        [third] = await append_all(log, [record(key, b"3")])
        assert third == position(before + 3, first + 2)
        found = await whole(log, {AT: first}, {AT: first + 3})
        assert [(one.value, one.offset, one.position) for one in found] == [
            (b"%d" % n, first + n - 1, position(before + 3, first + n - 1)) for n in (1, 2, 3)
        ]

    async def test_raised_epoch_survives_a_restart(self, log: EventLog) -> None:
        epoch = log.epoch + 1
        await log.raise_epoch(epoch)
        await log.stop()
        await log.start()
        assert log.epoch == epoch

    @pytest.mark.parametrize("step", [0, -1])
    async def test_epoch_is_never_lowered_or_repeated(self, log: EventLog, step: int) -> None:
        with pytest.raises(ValueError, match="is not greater than"):
            await log.raise_epoch(log.epoch + step)
        assert log.epoch >= 1
