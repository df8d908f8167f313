"""A trace context is taken as W3C says, and what is caused continues it: same trace, a span of its own."""

import pytest

from schemas import trace_context
from tests.given import CORRELATION

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"
EVENT = "fa5d30c8-58d6-5a56-a3c0-3d063e553272"


def test_a_valid_context_is_taken() -> None:
    assert trace_context.accepted(GIVEN) == GIVEN
    assert (trace_context.trace_id(GIVEN), trace_context.span_id(GIVEN)) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "01",
        GIVEN.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01more",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f" {GIVEN}",
        f"{GIVEN}\n",
        f"00_{TRACE}_{SPAN}_01",
    ],
)
def test_what_is_not_valid_counts_as_none(given: str) -> None:
    assert trace_context.accepted(given) == ""


@pytest.mark.parametrize("given", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-the-future-brings"])
def test_a_later_version_is_continued_as_ours(given: str) -> None:
    assert trace_context.accepted(given) == GIVEN


@pytest.mark.parametrize(("flags", "kept"), [("00", "00"), ("01", "01"), ("03", "03"), ("ff", "03"), ("08", "00")])
def test_flags_that_nobody_knows_are_dropped(flags: str, kept: str) -> None:
    assert trace_context.accepted(f"00-{TRACE}-{SPAN}-{flags}") == f"00-{TRACE}-{SPAN}-{kept}"


@pytest.mark.parametrize("flags", ["00", "01", "03"])
def test_a_record_continues_its_cause_with_a_span_of_its_own(flags: str) -> None:
    found = trace_context.of_record(EVENT, CORRELATION, f"00-{TRACE}-{SPAN}-{flags}")
    assert found == f"00-{TRACE}-fa5d30c858d65a56-{flags}"


@pytest.mark.parametrize("cause", ["", "rubbish", f"{GIVEN}-", "\ufffd" * 55])
def test_a_record_without_a_cause_is_in_the_trace_of_its_correlation_id(cause: str) -> None:
    found = trace_context.of_record(EVENT, CORRELATION, cause)
    assert found == f"00-{CORRELATION.replace('-', '')}-fa5d30c858d65a56-00"


def test_only_a_whole_context_is_sampled() -> None:
    assert [trace_context.is_sampled(one) for one in (GIVEN, GIVEN[:-1] + "0", GIVEN[:-1] + "3", "", "1")] == [
        True,
        False,
        True,
        False,
        False,
    ]
