"""Runs Prometheus with our configuration, rules included, on a running system, at a faster pace."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.observability.configured import PROMETHEUS, read
from tests.e2e.processes import free_port, status_of, within

INTERVAL = "1s"
STOP_S = 20.0


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus, asked over its HTTP API."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer, which must be a success."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}{query}", timeout=30) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[float]:
        """The values of an expression now, without those that are no number."""
        found = (float(series["value"][1]) for series in self.ask("query", query=expression)["result"])
        return [value for value in found if not isnan(value)]

    def rules(self) -> list[dict[str, Any]]:
        """All rules, with what came of their last evaluation."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]


@contextmanager
def scraping(url: str, folder: Path) -> Iterator[Prometheus]:
    """Run a Prometheus whose only target is the system at this address."""
    program, port = shutil.which("prometheus"), free_port()
    assert program, "these tests need Prometheus: apt-get install prometheus"
    file, address = folder / "prometheus.yml", f"127.0.0.1:{port}"
    file.write_text(yaml.safe_dump(_configuration(url)))
    arguments = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={address}"]
    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        within(60, f"Prometheus ready; see {log.name}", lambda: status_of(f"http://{address}/-/ready") == 200)
        yield Prometheus(f"http://{address}")
    finally:
        running.terminate()
        try:
            running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _configuration(url: str) -> dict[str, Any]:
    """Our configuration, with another target and pace, and paths that hold from elsewhere."""
    found: dict[str, Any] = read(PROMETHEUS / "prometheus.yml")
    found["global"] = {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
    found["rule_files"] = [str(PROMETHEUS / files) for files in found["rule_files"]]
    found["scrape_configs"][0]["static_configs"] = [{"targets": [url.removeprefix("http://")]}]
    return found
