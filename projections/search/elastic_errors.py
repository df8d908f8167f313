"""What a server that speaks Elasticsearch's API refuses, in our words."""

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
    """The server took some entries and not others, and would refuse them again."""


def check(outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Every item by itself: an older version's conflict is as good as done."""
    failed = [one for one in outcomes if one["status"] >= 300 and one["status"] != _CONFLICT]
    if not failed:
        return
    first = f"{failed[0].get('_id')}: {failed[0].get('error')}"
    if any(one["status"] == _MISSING for one in failed):
        raise IndexBehind(f"there is no index for {len(failed)} entries, the first {first}")
    if all(_passes(one["status"], one.get("error", {}).get("type")) for one in failed):
        raise Unavailable(f"search is busy, {len(failed)} entries wait, the first {first}")
    raise IndexRefused(f"{len(failed)} entries, the first {first}")


def check_found(documents: Sequence[Mapping[str, Any]]) -> None:
    """What an index that is there cannot say now is not missing: its shard may be starting."""
    causes = [one["error"] for one in documents if "error" in one]
    if others := [cause for cause in causes if cause.get("type") != _NO_INDEX]:
        raise Unavailable(f"search: {others[0]}")


def _passes(status: int, kind: object) -> bool:
    """Whether the same call may succeed later: the server is busy, its disk is full and it only reads, or somebody
    has closed the index, as for restoring it.
    """
    return status in _BUSY or kind in {"cluster_block_exception", "index_closed_exception"}


@contextmanager
def mapped(but: str | None = None) -> Iterator[None]:
    """Outages raise `Unavailable`; the error called `but` is none."""
    try:
        yield
    except TransportError as error:
        raise Unavailable(f"search: {error}") from error
    except ApiError as error:
        if error.error == but:
            return
        if _passes(error.status_code, error.error):
            raise Unavailable(f"search: {error}") from error
        raise


@contextmanager
def missing_is(raised: type[Exception]) -> Iterator[None]:
    """An index or alias that is not there, or not as it was read, raises this."""
    try:
        yield
    except ApiError as error:
        if error.status_code not in {_MISSING, _CONFLICT}:
            raise
        raise raised(f"search: {error}") from error
