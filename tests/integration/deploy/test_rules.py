"""Prometheus takes the rules, they fire when they should, and each alert has its runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from service.drift.statistics import MIN_IMAGES, THRESHOLDS
from tests.promql import RULES, existing_names, metric_names, read_rules, selectors

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
