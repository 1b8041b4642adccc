"""The real service under real traffic, scraped by a real Prometheus with the rules that ship.

What is asserted, by the HTTP API of Prometheus, once the traffic is over:

- every expression of a recording rule and of a dashboard's panel returns at least one number;
- every expression of an alert is evaluated without error, and each selector in it has series,
  apart from the ones of ``EMPTY_HERE``;
- what the runbooks and the page of capacity ask is understood, the latter answered by a number;
- the distances that the rules record are the ones that ``rotulo drift`` computes.
"""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from bench.load import running_service
from bench.prometheus import Prometheus, running_prometheus
from deploy.dashboards import DASHBOARDS
from service.drift.prometheus import count_prometheus
from service.drift.statistics import compare
from tests.pictures import encode, noise
from tests.promql import Rule, read_rules, selectors

DOCS = Path(__file__).resolve().parents[2] / "docs"
RULES = read_rules()
EMPTY_HERE = {'rotulo_provider_info{provider!="cpu"}'}
"""There is no accelerator on the machine that the tests run on."""

PICTURES = 24
UPLOAD_BYTES = 100_000
HELD_BYTES = 2 * UPLOAD_BYTES
PNG = {"content-type": "image/png"}


def hold_uploads(port: int) -> list[socket.socket]:
    """Announce uploads that take all the room there is, and do not send them."""
    head = (
        f"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        f"Content-Length: {UPLOAD_BYTES}\r\n\r\n"
    )
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    for connection in held:
        connection.sendall(head.encode() + b"\x89PNG")
    return held


def send_traffic(port: int) -> None:
    """Label pictures alone and together, and be refused in each way that an alert counts."""
    pictures = [encode(noise(32, 32, seed=seed), "PNG") for seed in range(PICTURES)]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        for picture in pictures:
            assert client.post("/v1/labels", content=picture, headers=PNG).status_code == 200
        files = [("file", ("x", data)) for data in (*pictures[:3], b"%PDF")]
        assert client.post("/v1/labels/batch", files=files).status_code == 200
        assert client.post("/v1/labels", content=b"%PDF", headers=PNG).status_code == 415
        assert client.get("/nothing").status_code == 404
        held = hold_uploads(port)
        pause = Event()
        while f"rotulo_in_flight_bytes {float(HELD_BYTES)}" not in client.get("/metrics").text:
            pause.wait(0.05)
        refused = client.post("/v1/labels", content=pictures[0], headers=PNG)
        assert refused.status_code == 503
        for connection in held:
            connection.close()


@pytest.fixture(scope="module")
def watched(
    tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    tool("prometheus")
    bounds = (
        f"--max-upload-bytes={UPLOAD_BYTES}",
        f"--max-batch-bytes={HELD_BYTES}",
        f"--max-bytes-in-flight={HELD_BYTES}",
    )
    folder = tmp_path_factory.mktemp("prometheus")
    with (
        running_service(*bounds) as (port, _),
        running_prometheus(folder, [f"127.0.0.1:{port}"]) as prometheus,
    ):
        prometheus.wait_for("sum(rotulo_images_total) == 0")
        send_traffic(port)
        prometheus.wait_for(f"sum(rotulo_images_total) == {PICTURES + 3}")
        # A counter that is born at its last value has no rate: it has to be seen growing.
        send_traffic(port)
        prometheus.wait_for(f"sum(rotulo_images_total) == {2 * (PICTURES + 3)}")
        for reason in ("overloaded", "unsupported-image"):
            prometheus.wait_for(f'job_reason:rotulo_rejections:rate10m{{reason="{reason}"}}')
        settled = time.time()
        for rule in RULES:
            if rule.record:  # of what is here now, and not of half the traffic
                prometheus.wait_for(f"timestamp({rule.record}) > {settled}")
        yield prometheus


def numbers(series: list[dict[str, Any]]) -> list[float]:
    return [value for each in series if not math.isnan(value := float(each["value"][1]))]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.record], ids=lambda r: r.record)
def test_a_recording_rule_returns_data(watched: Prometheus, rule: Rule) -> None:
    assert numbers(watched.query(rule.expression))


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(query.expression, id=f"{board.uid}-{panel.title}-{query.legend}")
        for board in DASHBOARDS
        for panel in board.panels
        for query in panel.queries
    ],
)
def test_a_panel_returns_data(watched: Prometheus, expression: str) -> None:
    asked = expression.replace("$job", ".*rotulo.*").replace("$__rate_interval", "1m")
    assert "$" not in asked
    assert numbers(watched.query(asked))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.alert], ids=lambda r: r.alert)
def test_an_alert_is_evaluated_and_its_inputs_have_data(watched: Prometheus, rule: Rule) -> None:
    watched.query(rule.expression)
    empty = {asked for asked in selectors(rule.expression) if not watched.query(asked)}
    assert empty == selectors(rule.expression) & EMPTY_HERE


def asked_in(document: Path) -> list[str]:
    """Return the expressions of a runbook's blocks, or of a page's table of what to watch."""
    text = document.read_text("utf-8")
    blocks = re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
    return [block.strip() for block in blocks] or re.findall(
        r"^\|[^|]+\| `([^`]+)` \|", text, re.MULTILINE
    )


@pytest.mark.parametrize("book", sorted((DOCS / "runbooks").glob("*.md")), ids=lambda b: b.stem)
def test_what_a_runbook_asks_is_understood(watched: Prometheus, book: Path) -> None:
    """Not all of it has an answer: nothing is wrong here."""
    asked = asked_in(book)
    assert asked
    for expression in asked:
        watched.query(expression)


@pytest.mark.parametrize("expression", asked_in(DOCS / "capacity.md"))
def test_what_capacity_asks_returns_data(watched: Prometheus, expression: str) -> None:
    assert numbers(watched.query(expression))


def test_the_rules_and_the_command_line_see_the_same_distances(watched: Prometheus) -> None:
    (model,) = count_prometheus(watched.address, window="1d", job=".*rotulo.*")
    assert model.counts.images >= PICTURES
    assert model.baseline is not None
    assert model.baseline.n == 5000
    computed = compare(model.counts, model.baseline)
    recorded = {
        part: {
            series["metric"]["kind"]: float(series["value"][1])
            for series in watched.query(f"model:rotulo_drift:{part}")
        }
        for part in ("distance1d", "noise1d")
    }
    assert {each.kind for each in computed} == {"label", "decision", "score"}
    for each in computed:
        assert recorded["distance1d"][each.kind] == pytest.approx(each.distance, abs=1e-3)
        # Wilson and Hilferty's formula against what was drawn.
        assert 0.5 < recorded["noise1d"][each.kind] / each.noise < 2


def test_nothing_pages_for_a_service_that_answers(watched: Prometheus) -> None:
    """The refusal above is one of thirty: a burn, which has to last before it pages."""
    firing = watched.query('ALERTS{alertstate="firing"}')
    assert [each["metric"]["alertname"] for each in firing] == []
