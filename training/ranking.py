"""How well scores put the images of one class before all others: ROC and precision-recall curves.

Each class is taken against the rest, by its probability. A class that no image has, or that all
have, has neither curve. A curve is recorded by few points, evenly along its length.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

POINTS: Final = 101

Curve = tuple[tuple[float, float], ...]


class ClassRanking(BaseModel):
    """One class against the rest; all in 0..1.

    `roc` are (false positive rate, true positive rate), `precision_recall` are (recall, precision).
    `average_precision` is the area under the latter, by steps (scikit-learn's definition, which
    does not flatter as trapezes do).
    """

    model_config = ConfigDict(frozen=True)

    id: str
    roc_auc: float
    average_precision: float
    roc: Curve
    precision_recall: Curve


class Ranking(BaseModel):
    """The classes that can be ranked, and the plain means over them; None without any."""

    model_config = ConfigDict(frozen=True)

    roc_auc: float | None
    average_precision: float | None
    per_class: tuple[ClassRanking, ...]


def rank(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: tuple[str, ...]
) -> Ranking:
    """Rank the images by the probabilities [N, classes] of each class."""
    found = tuple(
        _rank_class(name, probabilities[:, index], labels == index)
        for index, name in enumerate(classes)
        if 0 < np.count_nonzero(labels == index) < len(labels)
    )
    return Ranking(
        roc_auc=float(np.mean([one.roc_auc for one in found])) if found else None,
        average_precision=float(np.mean([one.average_precision for one in found]))
        if found
        else None,
        per_class=found,
    )


def _rank_class(name: str, scores: NDArray[np.float64], member: NDArray[np.bool_]) -> ClassRanking:
    false_rate, true_rate, _ = roc_curve(member, scores)
    precision, recall, _ = precision_recall_curve(member, scores)
    return ClassRanking(
        id=name,
        roc_auc=float(auc(false_rate, true_rate)),
        average_precision=float(average_precision_score(member, scores)),
        roc=_thinned(false_rate, true_rate),
        precision_recall=_thinned(recall[::-1], precision[::-1]),
    )


def _thinned(across: NDArray[np.float64], up: NDArray[np.float64]) -> Curve:
    """At most `POINTS` of the points, the first and the last among them, spread by length."""
    steps = np.abs(np.diff(across)) + np.abs(np.diff(up))
    length = np.concatenate([[0.0], np.cumsum(steps)])
    wanted = np.linspace(0.0, length[-1], POINTS)
    places = np.unique([0, *np.searchsorted(length, wanted), len(length) - 1])
    places = places[places < len(length)]
    return tuple((round(float(across[p]), 5), round(float(up[p]), 5)) for p in places)
