"""docs/telemetry.md names every setting, attribute and metric that telemetry has."""

import inspect
import re

import pytest

from core.settings import Settings
from edge.composition import services
from edge.telemetry import otel_tracer, span_attributes
from edge.telemetry.health_metrics import CONVENTIONAL
from schemas import trace_context
from tests.docs.pages import page, rows

PAGE = "telemetry.md"


def test_every_setting_of_telemetry_is_on_the_page() -> None:
    mine = {f"CAAS_{name.upper()}" for name in Settings.__struct_fields__ if name.startswith(("otlp_", "trace"))}
    mine.remove("CAAS_TRACE_DAYS")  # of the read model
    assert len(mine) == 4
    assert mine <= rows(PAGE).keys()


def test_every_attribute_of_ours_is_on_the_page() -> None:
    sources = inspect.getsource(span_attributes) + inspect.getsource(otel_tracer)
    mine = set(re.findall(r'"(caas\.[a-z.]+)"', sources))
    assert len(mine) == 5
    assert mine <= rows(PAGE).keys()


@pytest.mark.parametrize("name", CONVENTIONAL.values())
def test_every_conventional_metric_is_on_the_page(name: str) -> None:
    assert name in rows(PAGE)


def test_every_service_is_on_the_page() -> None:
    assert all(f"`caas-{name}`" in page(PAGE) for name in (*services.SERVICES, "up", "worker"))


def test_the_context_of_the_example_is_valid_and_sampled() -> None:
    (context,) = re.findall(r'"traceparent": "([^"]+)"', page(PAGE))
    assert trace_context.is_sampled(trace_context.accepted(context))
