"""Every counter, gauge and histogram is in its table, the tables have no other, and docs/operations.md shows them."""

import re

import pytest

from core.metrics import COUNTERS, FAMILIES, GAUGES, HISTOGRAMS, PROCESS, Family, Kind, find_family
from schemas.commands import NAME_OF
from tests.architecture.packages import files
from tests.docs.pages import rows

GAUGED = re.compile(r"""\.(?:labelled_)?gauge\(\s*"([^"]+)\"""")
COUNTED = re.compile(r"""(?:\.count\(\s*|\.counted\[)f?"([^"]+)\"""")
TIMED = re.compile(r"""\.histogram\(\s*f?"([^"]+)\"""")
UNITS: dict[Kind, tuple[str, ...]] = {"counter": ("_total",), "gauge": ("",), "histogram": ("_seconds",)}


def found(expression: re.Pattern[str]) -> set[str]:
    """The names that stand in our code, without what their labels are called there."""
    texts = (path.read_text(encoding="utf-8") for path in files())
    return {without_labels(name) for text in texts for name in expression.findall(text)}


def without_labels(name: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", name)


def patterns(table: dict[str, str]) -> set[str]:
    return {without_labels(name) for name in table}


def shown(family: Family) -> str:
    """What the page calls a family."""
    return family.name + ("{" + ",".join(family.labels) + "}" if family.labels else "")


def test_what_is_counted_is_in_the_table() -> None:
    assert found(COUNTED) - patterns(COUNTERS) == set()


def test_what_is_in_the_table_is_counted() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in files() if path.name != "metrics.py")
    assert [name for name in patterns(COUNTERS) - found(COUNTED) if f'"{name}"' not in sources] == []


def test_every_gauge_is_in_its_table() -> None:
    assert found(GAUGED) == {name.partition("_{")[0] for name in GAUGES}


def test_every_histogram_is_in_its_table() -> None:
    assert found(TIMED) == patterns(HISTOGRAMS)


def test_the_page_shows_the_tables() -> None:
    page = rows("operations.md")
    for family in FAMILIES:
        short = family.kind == "histogram" or (family.kind == "gauge" and family.labels)
        expected = [family.meaning] if short else [f"`{family.key}`", family.meaning]
        assert [cell for cell in page.get(shown(family), []) if cell] == expected, shown(family)
    assert {name: page[name] for name in PROCESS} == {name: [meaning] for name, meaning in PROCESS.items()}


def test_the_page_has_no_other_metric() -> None:
    named = {name for name in rows("operations.md") if name.startswith(("caas_", "process_"))}
    assert named == {shown(family) for family in FAMILIES} | PROCESS.keys()


def test_names_are_those_of_prometheus() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    for family in FAMILIES:
        assert re.fullmatch(r"caas(_[a-z0-9]+)+", family.name)
        assert family.name.endswith(UNITS[family.kind])
        assert "_ms" not in family.name
        assert not {"user", "user_id", "conversation", "conversation_id"} & set(family.labels)


@pytest.mark.parametrize(
    ("kind", "name", "family", "labels"),
    [
        ("counter", "handshakes_refused", "caas_handshakes_refused_total", ()),
        ("counter", "commands_received", "caas_commands_received_total", ()),
        ("counter", "commands_message:send_not_ready", "caas_commands_total", ("message:send", "not_ready")),
        ("counter", "audit_events_records", "caas_processor_records_total", ("audit_events",)),
        ("counter", "backpressure_ms", "caas_backpressure_seconds_total", ()),
        ("counter", "rebalances_inbox", "caas_rebalances_total", ("inbox",)),
        ("histogram", "ack_latency_accepted", "caas_ack_latency_seconds", ("accepted",)),
        ("histogram", "audit_batch", "caas_processor_batch_seconds", ("audit",)),
    ],
)
def test_name_has_its_family_and_labels(kind: Kind, name: str, family: str, labels: tuple[str, ...]) -> None:
    place = find_family(kind, name)
    assert place is not None
    assert (place[0].name, place[1]) == (family, labels)


def test_unknown_name_has_no_family() -> None:
    assert find_family("counter", "nothing_of_ours") is None
    assert find_family("histogram", "commands_received") is None


def test_name_of_every_request_can_be_told_from_its_outcome() -> None:
    assert [name for name in NAME_OF.values() if "_" in name] == []
