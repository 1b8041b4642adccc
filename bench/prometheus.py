"""A Prometheus of our own (Debian's package) with the rules that ship, in a hurry.

Its configuration is the one of Compose with three changes: the targets are named, everything is
scraped each second, and the groups of rules are evaluated each second.
"""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.load import free_port

SHIPPED = Path(__file__).resolve().parent.parent / "deploy" / "prometheus"
START_SECONDS = 60
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus, asked through its HTTP API."""

    address: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now; raises urllib.error.HTTPError where it is none."""
        return self._ask("query", query=expression)

    def query_range(
        self, expression: str, start: float, end: float, step: float
    ) -> list[dict[str, Any]]:
        """The series of an expression from `start` to `end`, each `step` seconds."""
        return self._ask(
            "query_range", query=expression, start=str(start), end=str(end), step=str(step)
        )

    def wait_for(self, expression: str, seconds: float = START_SECONDS) -> None:
        """Ask until an expression has series, or raise TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self.query(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no series after {seconds} s: {expression}")
            time.sleep(POLL_SECONDS)

    def _ask(self, what: str, **parameters: str) -> list[dict[str, Any]]:
        address = f"{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result


@contextmanager
def running_prometheus(folder: Path, targets: list[str]) -> Iterator[Prometheus]:
    """Scrape some targets each second until the end; files go to a folder."""
    port = free_port()
    process = subprocess.Popen(
        [  # noqa: S607 - wherever the PATH has it
            "prometheus",
            f"--config.file={_configure(folder, targets)}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    try:
        _wait_until_ready(process, prometheus.address)
        yield prometheus
    finally:
        process.terminate()
        process.wait(timeout=60)


def _configure(folder: Path, targets: list[str]) -> Path:
    rules = folder / "rules"
    rules.mkdir()
    for path in (SHIPPED / "rules").glob("*.yml"):
        text = re.sub(r"\binterval: \w+", "interval: 1s", path.read_text("utf-8"))
        (rules / path.name).write_text(text, "utf-8")
    configuration = yaml.safe_load((SHIPPED / "prometheus.yml").read_text("utf-8"))
    every_second = {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    configuration["global"] |= every_second
    (scrape,) = configuration["scrape_configs"]
    del scrape["dns_sd_configs"]
    scrape["static_configs"] = [{"targets": targets}]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration), "utf-8")
    return path


def _wait_until_ready(process: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/-/ready", timeout=5):  # noqa: S310 - our own
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(POLL_SECONDS)
    raise RuntimeError(f"Prometheus was not ready; it ended with {process.poll()}")
