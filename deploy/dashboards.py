"""Grafana's dashboards, written from what stands here: ``python -m deploy.dashboards``.

A dashboard is a title and its panels; a panel is a title, a unit and its queries. Everything that
Grafana wants beside that follows from them, so that three dashboards cannot differ in their ways.
Datasource and job are variables, identifiers are stable, and titles are in Spanish.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from deploy.panels import CAPACITY, QUALITY, SERVICE, Dashboard, Panel

FOLDER: Final = Path(__file__).parent / "grafana" / "dashboards"
SCHEMA_VERSION: Final = 39
_COLUMNS, _HEIGHT, _PER_ROW = 24, 8, 2
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


DASHBOARDS: Final = (SERVICE, QUALITY, CAPACITY)


def rendered(dashboard: Dashboard) -> str:
    """Return a dashboard as Grafana reads it: JSON, two spaces, one newline at the end."""
    document = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["rotulo"],
        "timezone": "browser",
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _variables() -> Iterator[dict[str, Any]]:
    yield {
        "name": "datasource",
        "label": "Fuente de datos",
        "type": "datasource",
        "query": "prometheus",
    }
    yield {
        "name": "job",
        "label": "Servicio",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": "label_values(rotulo_ready, job)", "refId": "job"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    width = _COLUMNS // _PER_ROW
    row, column = divmod(number, _PER_ROW)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": {"x": column * width, "y": row * _HEIGHT, "w": width, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
            }
            for place, query in enumerate(panel.queries)
        ],
    }


def path_of(dashboard: Dashboard) -> Path:
    """Return the file of a dashboard."""
    return FOLDER / f"{dashboard.uid}.json"


if __name__ == "__main__":
    for each in DASHBOARDS:
        path_of(each).write_text(rendered(each), encoding="utf-8")
