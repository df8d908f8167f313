"""LogLevels says from which level on each logger's lines are written, as `CAAS_LOG_LEVEL` does:
`caas.worker=debug,info`.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
OURS: Final = "caas"
"""The logger above all of ours."""
_NAME: Final = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*\Z")


@dataclass(frozen=True, slots=True)
class LogLevels:
    """`base` is the level of all loggers but those in `by_logger` and the ones below them. As text it is what `parse`
    reads.
    """

    base: Level = "info"
    by_logger: tuple[tuple[str, Level], ...] = ()

    def __str__(self) -> str:
        return ",".join([*(f"{logger}={level}" for logger, level in self.by_logger), self.base])


def parse(text: str) -> LogLevels:
    """Return the levels of a list separated by commas: at most one level alone, others as `LOGGER=LEVEL`. Raises
    `ValueError`: libraries write content at `debug`, so only loggers of ours may have it.
    """
    base: Level | None = None
    named: dict[str, Level] = {}
    for part in text.split(","):
        logger, separator, level = part.strip().rpartition("=")
        if level not in LEVELS:
            raise ValueError(f"one of {', '.join(LEVELS)}, for single loggers before it LOGGER=LEVEL and a comma")
        if not separator:
            if base is not None:
                raise ValueError("two levels are without a logger")
            base = level
        elif not _NAME.match(logger) or logger in named:
            raise ValueError(f"{logger!r} is no logger, or is named twice")
        elif level == "debug" and not is_ours(logger):
            raise ValueError(f"{logger} is a library's logger, whose debug lines may have content: info at least")
        else:
            named[logger] = level
    return LogLevels(base or "info", tuple(sorted(named.items())))


def is_ours(logger: str) -> bool:
    """Return whether a logger is of this system, not of a library."""
    return logger == OURS or logger.startswith(f"{OURS}.")
