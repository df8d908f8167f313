"""Maps errors of servers with Elasticsearch's API to the port's exceptions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from elastic_transport import TransportError
from elasticsearch import ApiError

from core.ports.event_log import Unavailable
from core.ports.search_index import IndexBehind

_BUSY: Final = frozenset({429, 502, 503, 504})
_CONFLICT: Final = 409
_MISSING: Final = 404
_NO_INDEX: Final = "index_not_found_exception"


class IndexRefused(Exception):
    """The server rejected some entries, and would reject them again."""


def check_items(outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Check the outcome of each item; a conflict of an older version counts as done.

    Raises `IndexBehind` if the index is missing, `Unavailable` if the server is busy, else `IndexRefused`.
    """
    failed = [one for one in outcomes if one["status"] >= 300 and one["status"] != _CONFLICT]
    if not failed:
        return
    first = f"{failed[0].get('_id')}: {_why(failed[0].get('error') or {})}"
    if any(one["status"] == _MISSING for one in failed):
        raise IndexBehind(f"there is no index for {len(failed)} entries, the first {first}")
    if all(_is_temporary(one["status"], one.get("error", {}).get("type")) for one in failed):
        raise Unavailable(f"search is busy, {len(failed)} entries wait, the first {first}")
    raise IndexRefused(f"{len(failed)} entries, the first {first}")


def check_documents(documents: Sequence[Mapping[str, Any]]) -> None:
    """Raise `Unavailable` if an existing index cannot read a document now: its shard may be starting."""
    causes = [one["error"] for one in documents if "error" in one]
    if others := [cause for cause in causes if cause.get("type") != _NO_INDEX]:
        raise Unavailable(f"search: {_why(others[0])}")


def _why(error: Mapping[str, Any]) -> str:
    """Return the cause of a failure without the value of a field, which may follow it."""
    return f"{error.get('type')}: {str(error.get('reason')).partition('Preview of ')[0]}"


def _is_temporary(status: int, kind: object) -> bool:
    """Return whether the same call may succeed later: the server is busy or read-only because its disk is full, or the
    index was closed, for example for restoring it.
    """
    return status in _BUSY or kind in {"cluster_block_exception", "index_closed_exception"}


@contextmanager
def map_errors(but: str | None = None) -> Iterator[None]:
    """Raise `Unavailable` for outages; ignore the error named `but`."""
    try:
        yield
    except TransportError as error:
        raise Unavailable(f"search: {error}") from error
    except ApiError as error:
        if error.error == but:
            return
        if _is_temporary(error.status_code, error.error):
            raise Unavailable(f"search: {error}") from error
        raise


@contextmanager
def raise_if_missing(raised: type[Exception]) -> Iterator[None]:
    """Raise this for an index or alias that is missing, or has changed since it was read."""
    try:
        yield
    except ApiError as error:
        if error.status_code not in {_MISSING, _CONFLICT}:
            raise
        raise raised(f"search: {error}") from error
