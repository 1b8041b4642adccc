"""The rules of `deploy/prometheus/rules` as one object for the Prometheus operator.

The files stay in Prometheus's own format, which promtool checks and Compose mounts; `make docs`
writes them once more as what Kubernetes takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

DEPLOY: Final = Path(__file__).resolve().parent
RULES: Final = DEPLOY / "prometheus" / "rules"
WRITTEN: Final = DEPLOY / "kubernetes" / "components" / "monitoring" / "rules.yaml"

_HEADER: Final = "# Written by `make docs` from deploy/prometheus/rules; do not edit.\n"


def prometheus_rule() -> str:
    """Return the object as YAML: every group of every file, files and groups in their order."""
    groups: list[dict[str, Any]] = [
        group
        for path in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    ]
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "rotulo"},
        "spec": {"groups": groups},
    }
    text: str = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    return _HEADER + text
