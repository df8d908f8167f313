"""Contract of every event log, in a log that other tests have written to."""

from tests.contracts.log_appends import LogAppendsContract
from tests.contracts.log_calls import TIMEOUT_S, append_all, appended, fresh_key, key_in, reading, record, take, whole
from tests.contracts.log_reads import LogReadsContract

__all__ = [
    "TIMEOUT_S",
    "EventLogContract",
    "append_all",
    "appended",
    "fresh_key",
    "key_in",
    "reading",
    "record",
    "take",
    "whole",
]


class EventLogContract(LogAppendsContract, LogReadsContract):
    """Give a fixture `log`: a started EventLog, stopped by the fixture afterwards."""
