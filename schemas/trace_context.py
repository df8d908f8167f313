"""A trace context says which trace a record or request belongs to, and which step of it caused what follows.

It is a W3C `traceparent` of version 00, `00-TRACE-SPAN-FLAGS`: 32, 16 and 2 digits in hexadecimal. A record continues
the context of its cause: same trace, same flags, and a span of its own, which is the first half of its event id, so
that a repeat is the same step. Without a cause the trace is the correlation id, and nobody samples it.
"""

import re
from typing import Final

from schemas.bounds import TRACEPARENT_PATTERN

LENGTH: Final = 55
NOT_SAMPLED: Final = "00"
SAMPLED: Final = "01"
_VALID: Final = re.compile(TRACEPARENT_PATTERN)


def accepted(given: str) -> str:
    """Return a context from outside as one of version 00, as later versions allow; empty if it is not valid. Of its
    flags only those are kept that version 00 knows: sampled, and that the trace is random.
    """
    return f"00{given[2:53]}{int(given[53:LENGTH], 16) & 3:02x}" if _VALID.match(given) else ""


def of_record(event_id: str, correlation_id: str, cause: str) -> str:
    """Return the context of a record; `cause` is that of what it was caused by, empty or not valid if there is none."""
    span = event_id.replace("-", "")[:16]
    if len(cause) == LENGTH and _VALID.match(cause):
        return f"{cause[:36]}{span}{cause[52:]}"
    return make(trace_of_correlation(correlation_id), span, NOT_SAMPLED)


def trace_of_correlation(correlation_id: str) -> str:
    """Return the trace of what came without a context: the correlation id, so that one search finds both."""
    return correlation_id.replace("-", "")


def make(trace: str, span: str, flags: str) -> str:
    """Return the context of these parts."""
    return f"00-{trace}-{span}-{flags}"


def trace_id(context: str) -> str:
    """Return the trace of a context."""
    return context[3:35]


def span_id(context: str) -> str:
    """Return the span of a context."""
    return context[36:52]


def is_sampled(context: str) -> bool:
    """Return whether the steps of this context are recorded; not so of an empty one."""
    return len(context) == LENGTH and context[54] in "13579bdf"
