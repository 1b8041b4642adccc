"""The dashboards that ship are the ones that the code describes, and can be told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from deploy.dashboards import DASHBOARDS, FOLDER, path_of, rendered
from deploy.panels import Dashboard
from tests.promql import existing_names, metric_names


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
def test_a_dashboard_is_fresh(dashboard: Dashboard) -> None:
    """`python -m deploy.dashboards` writes them."""
    assert path_of(dashboard).read_text("utf-8") == rendered(dashboard)


def test_no_other_dashboard_lies_there_and_uids_are_stable() -> None:
    assert sorted(FOLDER.glob("*")) == sorted(map(path_of, DASHBOARDS))
    assert [each.uid for each in DASHBOARDS] == [
        "rotulo-servicio",
        "rotulo-modelo",
        "rotulo-capacidad",
    ]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
def test_every_query_goes_by_the_variables_and_asks_for_series_that_exist(
    dashboard: Dashboard,
) -> None:
    document = json.loads(rendered(dashboard))
    assert {each["name"] for each in document["templating"]["list"]} == {"datasource", "job"}
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    known = existing_names()
    for panel in document["panels"]:
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert '$job"' in target["expr"]
            assert metric_names(target["expr"]) - known == set()


def test_grafana_is_given_the_source_and_the_folder(root: Path) -> None:
    provisioning = root / "deploy/grafana/provisioning"
    source = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text("utf-8"))
    scrape = yaml.safe_load((root / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    (datasource,) = source["datasources"]
    assert datasource["type"] == "prometheus"
    assert datasource["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
