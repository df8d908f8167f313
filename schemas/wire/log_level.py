"""The request by which an operator changes what a running process logs, and its answer."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

LOG_LEVEL_PATH: Final = "/api/v1/log-level"


class LogLevelChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The levels from now on, in the form of `CAAS_LOG_LEVEL`: they replace those of before."""

    levels: Annotated[str, Meta(min_length=1, max_length=300)]


class LogLevelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The process that answers, its levels from now on and those of before."""

    process: str
    levels: str
    before: str
