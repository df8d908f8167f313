"""Each service has one row, and docs/operations.md names it with its setting and its secrets."""

import pytest

from core.settings import Settings
from edge.composition.services import SERVICES, Service
from tests.docs.pages import page


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_row_names_existing_settings(service: Service) -> None:
    assert {service.port, *service.secrets} <= set(Settings.__struct_fields__)
    assert service.port_setting == f"--port or CAAS_{service.port.upper()}"


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_operations_page_names_service_with_its_settings(service: Service) -> None:
    text = page("operations.md")
    assert f"caas serve {service.name}" in text
    assert all(f"`CAAS_{name.upper()}`" in text for name in (service.port, *service.secrets))
