"""Levels are a list as in `CAAS_LOG_LEVEL`; what is wrong in it is refused."""

import pytest

from core.log_levels import LogLevels, parse
from core.settings import InvalidSettings, load


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("warning", LogLevels("warning")),
        ("caas.worker=debug,info", LogLevels("info", (("caas.worker", "debug"),))),
        ("error, caas.b=info ,caas.a=debug", LogLevels("error", (("caas.a", "debug"), ("caas.b", "info")))),
        ("aiokafka=error", LogLevels("info", (("aiokafka", "error"),))),
        ("caas=debug", LogLevels("info", (("caas", "debug"),))),
    ],
)
def test_levels_are_read_and_written(text: str, expected: LogLevels) -> None:
    assert parse(text) == expected
    assert parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "one of debug, info, warning, error"),
        ("loud", "one of debug"),
        ("INFO", "one of debug"),
        ("info,", "one of debug"),
        ("caas.worker", "one of debug"),
        ("caas.worker=loud", "one of debug"),
        ("info,debug", "two levels are without a logger"),
        ("=info", "is no logger"),
        ("caas worker=info", "is no logger"),
        ("caas.=info", "is no logger"),
        ("caas.a=info,caas.a=debug", "named twice"),
        ("aiokafka=debug", "library's logger"),
        ("caasual=debug", "library's logger"),
    ],
)
def test_wrong_levels_are_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)


def test_wrong_setting_is_reported_at_the_start() -> None:
    assert load({"CAAS_LOG_LEVEL": "caas.worker=debug,info"}).log_level == "caas.worker=debug,info"
    with pytest.raises(InvalidSettings, match="CAAS_LOG_LEVEL='loud': one of debug, info, warning, error"):
        load({"CAAS_LOG_LEVEL": "loud"})
