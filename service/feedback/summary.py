"""How often people disagree, class by class: what training reads before the next run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClassSummary(_Part):
    """What people said when this label was offered; ``disagreement`` is their share, 0 to 1."""

    offered: str
    corrections: int
    agreed: int
    none: int
    instead: dict[str, int]
    disagreement: float


class ModelSummary(_Part):
    """The same for one version of a model, the classes most disagreed with first."""

    name: str
    version: str
    corrections: int
    disagreement: float
    classes: tuple[ClassSummary, ...]


class Summary(_Part):
    """Every model that somebody said something about.

    People correct what strikes them, so a share of disagreement is no error rate; it compares
    classes with each other, and versions of a model on the same site.
    """

    schema_version: Literal[1] = 1
    models: tuple[ModelSummary, ...]


Count = tuple[str, str, str, str | None, int]
"""Model, version, label offered, right label (None for none), and how often."""


def summarise(counts: Iterable[Count]) -> Summary:
    """Return the summary of counted corrections."""
    by_model: dict[tuple[str, str], dict[str, dict[str | None, int]]] = {}
    for name, version, offered, label, n in counts:
        classes = by_model.setdefault((name, version), {})
        classes.setdefault(offered, {})[label] = n
    return Summary(models=tuple(_model(*key, by_model[key]) for key in sorted(by_model)))


def _model(name: str, version: str, classes: dict[str, dict[str | None, int]]) -> ModelSummary:
    found = [_class(offered, labels) for offered, labels in classes.items()]
    corrections = sum(one.corrections for one in found)
    agreed = sum(one.agreed for one in found)
    return ModelSummary(
        name=name,
        version=version,
        corrections=corrections,
        disagreement=_share(corrections - agreed, corrections),
        classes=tuple(sorted(found, key=lambda one: (-one.disagreement, one.offered))),
    )


def _class(offered: str, labels: dict[str | None, int]) -> ClassSummary:
    corrections, agreed = sum(labels.values()), labels.get(offered, 0)
    return ClassSummary(
        offered=offered,
        corrections=corrections,
        agreed=agreed,
        none=labels.get(None, 0),
        instead={
            label: n
            for label, n in sorted(labels.items(), key=lambda item: -item[1])
            if label is not None and label != offered
        },
        disagreement=_share(corrections - agreed, corrections),
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
