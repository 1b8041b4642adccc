"""Prometheus takes the rules, they fire when they should, and each alert has its runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from service.drift.statistics import MIN_IMAGES, THRESHOLDS
from service.errors import RotuloError
from service.guard import needed_scope
from service.settings import Settings
from tests.bundles import write_bundle
from tests.promql import RULES, existing_names, metric_names, read_rules, selectors
from tests.serving import running

ALERTS = [rule for rule in read_rules() if rule.alert]
SECTIONS = ("Qué significa", "Primera mirada", "Qué hacer", "Cuándo escalar")


@pytest.fixture
def promtool(tool: Callable[[str], Path]) -> Callable[..., subprocess.CompletedProcess[str]]:
    tool("prometheus")  # the package that brings promtool

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)

    return run


def test_promtool_takes_the_configuration_and_its_rules(
    promtool: Callable[..., subprocess.CompletedProcess[str]], root: Path
) -> None:
    checked = promtool("check", "config", root / "deploy/prometheus/prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(RULES)} rule files found" in checked.stdout
    assert "warning" not in (checked.stdout + checked.stderr).lower()


def test_every_alert_fires_when_it_should_and_ends(
    promtool: Callable[..., subprocess.CompletedProcess[str]], root: Path
) -> None:
    cases = sorted((root / "deploy/prometheus/tests").glob("*.yml"))
    tested = promtool("test", "rules", *cases)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    told = "".join(case.read_text("utf-8") for case in cases)
    assert [rule.alert for rule in ALERTS if rule.alert not in told] == []


def test_a_threshold_that_moves_fails_a_case(
    promtool: Callable[..., subprocess.CompletedProcess[str]], root: Path, tmp_path: Path
) -> None:
    """The cases would notice: the queue's threshold is put where it is never reached."""
    shutil.copytree(root / "deploy/prometheus", tmp_path / "prometheus")
    rules = tmp_path / "prometheus/rules/service.yml"
    text = rules.read_text("utf-8")
    assert "saturation:avg5m > 0.8" in text
    rules.write_text(text.replace("saturation:avg5m > 0.8", "saturation:avg5m > 1.8"), "utf-8")
    tested = promtool("test", "rules", tmp_path / "prometheus/tests/service.yml")
    assert tested.returncode != 0
    assert "RotuloSaturated" in tested.stdout + tested.stderr


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.alert)
def test_an_alert_says_what_and_where_in_spanish(rule: object, root: Path) -> None:
    assert rule in ALERTS
    alert = next(known for known in ALERTS if known is rule)
    assert alert.labels["severity"] in {"page", "ticket"}
    assert re.match(r"[A-ZÁÉÍÓÚ]", alert.annotations["summary"])
    assert alert.annotations["description"].endswith(".")
    assert (root / alert.annotations["runbook_url"]).stem == alert.alert
    assert (root / alert.annotations["runbook_url"]).is_file()


def test_every_rule_asks_for_series_that_exist() -> None:
    known = existing_names()
    asked = {rule.alert or rule.record: metric_names(rule.expression) for rule in read_rules()}
    assert {name: names - known for name, names in asked.items() if names - known} == {}
    assert all(selectors(rule.expression) for rule in read_rules())


async def test_every_request_that_labels_counts_towards_the_promises_and_no_other(
    tmp_path: Path,
) -> None:
    """By the routes' names as the service counts them, of models that are asked by name too."""
    write_bundle(tmp_path)
    async with running(Settings(bundles=tmp_path, max_batch=1)) as served:
        for door in iter_route_contexts(served.app.routes):
            if "POST" in (door.methods or ()) and needed_scope(door.endpoint) == "label":
                address = str(door.path).replace("{name}", "linear").replace("{version}", "1")
                await served.client.post(address)
        await served.client.get("/v1/models/linear")
        asked = {route for (route,) in served.series("rotulo_requests_total", "route")}
    labelling = {route for route in asked if route.endswith(("/", "/labels", "/batch", "/infer"))}
    assert {f"/v1/models/{{name}}{tail}" for tail in ("", "/labels", "/explanations")} < asked
    for record, promised in (
        ("job:rotulo_errors:", labelling),
        ("job:rotulo_slow:", {route for route in labelling if route.endswith("/labels")}),
    ):
        patterns = {
            pattern
            for rule in read_rules()
            if rule.record.startswith(record)
            for pattern in re.findall(r'route=~?"([^"]+)"', rule.expression)
        }
        assert patterns
        for pattern in patterns:
            assert {route for route in asked if re.fullmatch(pattern, route)} == promised


NO_ALERT = {
    "bad-request", "invalid-parameter", "method-not-allowed", "not-found", "unknown-model",
    "unauthorized", "forbidden",
    "feedback-off", "feedback-full", "feedback-unavailable", "result-conflict",
    "unsupported-feedback", "explanations-off", "reload-failed", "unreadable-file",
    "internal-error", "inference-failed", "not-ready",
}  # fmt: skip
"""Problems of which no alert asks by their reason: mistakes in a client's program, what is switched
off or optional, and what is a 5xx or has an alert by a metric of its own."""


def slugs(kind: type[RotuloError] = RotuloError) -> Iterator[str]:
    """Give the reasons of a service that runs; `rotulo bulk` has some of its own."""
    if kind.__module__.startswith("service.") and not kind.__module__.startswith("service.bulk"):
        yield kind.slug
    for child in kind.__subclasses__():
        yield from slugs(child)


def test_every_reason_to_refuse_has_its_alert_or_is_known_to_need_none() -> None:
    named = {
        reason
        for rule in ALERTS
        for pattern in re.findall(r'reason=~"([^"]+)"', rule.expression)
        for reason in pattern.split("|")
    }
    assert named | NO_ALERT == set(slugs())
    assert named & NO_ALERT == set()


def test_every_runbook_is_of_an_alert_and_names_metrics_that_exist(root: Path) -> None:
    books = sorted((root / "docs/runbooks").glob("*.md"))
    assert {book.stem for book in books} == {rule.alert for rule in ALERTS}
    known = existing_names()
    for book in books:
        text = book.read_text("utf-8")
        assert [title for title in SECTIONS if f"## {title}\n" not in text] == []
        assert "Ley 21.663" in text
        named = metric_names("\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)))
        assert named, book
        assert named - known == set(), book


def test_every_setting_that_a_runbook_names_exists(root: Path) -> None:
    settings = set(re.findall(r"`(ROTULO_\w+)`", (root / "README.md").read_text("utf-8")))
    for book in (root / "docs/runbooks").glob("*.md"):
        named = set(re.findall(r"ROTULO_[A-Z_]+", book.read_text("utf-8")))
        assert named - settings == set(), book


def test_the_rule_of_drift_has_the_thresholds_of_the_command_line() -> None:
    (drift,) = (rule for rule in ALERTS if rule.alert == "RotuloDrift")
    assert THRESHOLDS["label"] == THRESHOLDS["decision"]
    assert f'{{kind=~"label|decision"}} > {THRESHOLDS["label"]}' in drift.expression
    assert f'{{kind="score"}} > {THRESHOLDS["score"]}' in drift.expression
    assert f"increase1d >= {MIN_IMAGES}" in drift.expression
