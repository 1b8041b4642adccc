"""The rules as Prometheus reads them, and which metrics an expression asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from service.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
RULES = tuple(sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml")))
SELECTOR = re.compile(
    r"(?P<name>\b[a-z_]+:[a-z0-9_:]+|\b(?:rotulo|process)_\w+|\bup\b)(?P<labels>\{[^}]*\})?"
)
ADDED_BY_PROMETHEUS = {"up"}


@dataclass(frozen=True)
class Rule:
    """A rule: what it records, or the alert that it raises."""

    file: Path
    record: str
    alert: str
    expression: str
    labels: dict[str, str]
    annotations: dict[str, str]


def read_rules() -> list[Rule]:
    """Return every rule of every file, in order."""
    documents: list[tuple[Path, Any]] = [
        (path, yaml.safe_load(path.read_text("utf-8"))) for path in RULES
    ]
    return [
        Rule(
            file=path,
            record=rule.get("record", ""),
            alert=rule.get("alert", ""),
            expression=rule["expr"],
            labels=rule.get("labels", {}),
            annotations=rule.get("annotations", {}),
        )
        for path, document in documents
        for group in document["groups"]
        for rule in group["rules"]
    ]


def selectors(expression: str) -> set[str]:
    """Return the series that an expression asks for, as instant selectors."""
    return {match["name"] + (match["labels"] or "") for match in SELECTOR.finditer(expression)}


def metric_names(text: str) -> set[str]:
    """Return the names of metrics and recorded series that a text mentions."""
    return {match["name"] for match in SELECTOR.finditer(text)}


def names_on(registry: CollectorRegistry) -> set[str]:
    """Return every series that a registry exports, by the types of its metrics."""
    suffixes = {
        "counter": ("_total",),
        "histogram": ("_bucket", "_count", "_sum"),
        "gauge": ("",),
    }
    return {
        family.name + suffix for family in registry.collect() for suffix in suffixes[family.type]
    }


def existing_names() -> set[str]:
    """Return every series that the service exports, that Prometheus adds, or that a rule records.

    A metric without series yet is known by its family; its samples' names follow from its type.
    """
    exported = names_on(Metrics(CollectorRegistry()).registry)
    return exported | ADDED_BY_PROMETHEUS | {rule.record for rule in read_rules() if rule.record}
