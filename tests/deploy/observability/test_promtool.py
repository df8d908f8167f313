"""Prometheus takes the configuration, and every alert fires when it should and only then, says `promtool`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.observability.configured import PROMETHEUS, RULE_TESTS

pytestmark = pytest.mark.prometheus


def promtool(*arguments: str) -> str:
    """What promtool says; it must find nothing wrong."""
    program = shutil.which("promtool")
    assert program, "these tests need Prometheus: apt-get install prometheus"
    done = subprocess.run([program, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_configuration_and_rules_are_valid() -> None:
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", f"tests/{path.name}")
