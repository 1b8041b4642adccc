"""How far figures would have come out otherwise on other images of the same kind.

The images are drawn again with replacement, within each class as many as there are, and each figure
is taken anew (Efron 1979, "Bootstrap methods: another look at the jackknife"). The middle 95 % of
what comes out is the interval. It is about the images alone: another seed of the fit would spread
the figures further, and only fits with other seeds tell how far. A calibration error is never below
zero, so that its interval lies somewhat high.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

DRAWS: Final = 1000
SEED: Final = 20261122
LEVEL: Final = 0.95
# Draws that are looked at together: bounds memory to some of the size of the logits.
BLOCK: Final = 50

Interval = tuple[float, float]
Counts = NDArray[np.float32]


class ClassIntervals(BaseModel):
    """Where the figures of one class lie with 95 % confidence."""

    model_config = ConfigDict(frozen=True)

    precision: Interval
    recall: Interval
    f1: Interval


class Intervals(BaseModel):
    """Where figures lie with 95 % confidence, by so many `draws` with this `seed`."""

    model_config = ConfigDict(frozen=True)

    draws: int = DRAWS
    seed: int = SEED
    accuracy: Interval
    macro_f1: Interval
    negative_log_likelihood: Interval
    brier: Interval
    ece_before: Interval
    ece_after: Interval
    top5: Interval | None = None
    roc_auc: Interval | None = None
    per_class: tuple[ClassIntervals, ...] = ()


class Sample:
    """What each image adds to the figures.

    Args:
        labels: class indices, [N].
        plain: probabilities before the temperature, [N, classes].
        calibrated: probabilities after it, [N, classes].
        top5: whether the label is among the first five, [N]; None where there are no more classes.
    """

    def __init__(
        self,
        labels: NDArray[np.int64],
        plain: NDArray[np.float64],
        calibrated: NDArray[np.float64],
        top5: NDArray[np.bool_] | None,
    ) -> None:
        places, self.classes = np.arange(len(labels)), calibrated.shape[1]
        given = calibrated.argmax(axis=1)
        known = np.eye(self.classes)[labels]
        self.labels = labels
        self.means = {
            "accuracy": (given == labels).astype(np.float32),
            "negative_log_likelihood": -np.log(
                np.maximum(calibrated[places, labels], np.finfo(np.float64).tiny)
            ).astype(np.float32),
            "brier": ((calibrated - known) ** 2).sum(axis=1).astype(np.float32),
        }
        if top5 is not None:
            self.means["top5"] = top5.astype(np.float32)
        self.gaps = {"ece_before": _gaps(plain, labels), "ece_after": _gaps(calibrated, labels)}
        self.hits = known.astype(np.float32) * (given == labels)[:, None].astype(np.float32)
        self.given = np.eye(self.classes, dtype=np.float32)[given]
        self.support = known.sum(axis=0)
        self.orders = [
            _Order(calibrated[:, index], labels == index)
            for index in range(self.classes)
            if 0 < self.support[index] < len(labels)
        ]


class _Order:
    """The images by one class's score; ties are one group."""

    def __init__(self, scores: NDArray[np.float64], member: NDArray[np.bool_]) -> None:
        self.places = np.argsort(scores, kind="stable")
        ordered = scores[self.places]
        self.starts = np.flatnonzero(np.concatenate([[True], np.diff(ordered) > 0]))
        self.member = member[self.places].astype(np.float32)

    def roc_auc(self, counts: Counts) -> NDArray[np.float64]:
        """The chance that a member scores above another image, by counts [draws, N]: [draws]."""
        ordered = counts[:, self.places]
        members = np.add.reduceat(ordered * self.member, self.starts, axis=1, dtype=np.float64)
        others = np.add.reduceat(ordered * (1 - self.member), self.starts, axis=1, dtype=np.float64)
        below = np.cumsum(others, axis=1) - others / 2
        pairs = members.sum(axis=1) * others.sum(axis=1)
        return np.asarray((members * below).sum(axis=1) / pairs)


def intervals(sample: Sample, draws: int = DRAWS, seed: int = SEED) -> Intervals:
    """The intervals of all figures."""
    found: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for counts in _drawn(sample.labels, draws, seed):
        for name, values in _figures(sample, counts).items():
            found[name].append(values)
    spread = {name: np.concatenate(values) for name, values in found.items()}
    per_class = tuple(
        ClassIntervals(
            precision=_middle(spread["precision"][:, index]),
            recall=_middle(spread["recall"][:, index]),
            f1=_middle(spread["f1"][:, index]),
        )
        for index in range(sample.classes)
    )
    whole = {name: _middle(values) for name, values in spread.items() if values.ndim == 1}
    return Intervals(draws=draws, seed=seed, per_class=per_class, **whole)


def _drawn(labels: NDArray[np.int64], draws: int, seed: int) -> Iterator[Counts]:
    """How often each image is drawn: float32 [up to `BLOCK`, N], until there are `draws`."""
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for start in range(0, draws, BLOCK):
        block = min(BLOCK, draws - start)
        counts = np.zeros((block, len(labels)), np.float32)
        for group in groups:
            drawn = generator.integers(0, len(group), (block, len(group)))
            for row, places in enumerate(drawn):
                counts[row, group] = np.bincount(places, minlength=len(group))
        yield counts


def _figures(sample: Sample, counts: Counts) -> dict[str, NDArray[np.float64]]:
    number = len(sample.labels)
    figures = {
        name: (counts @ values).astype(np.float64) / number for name, values in sample.means.items()
    }
    for name, gaps in sample.gaps.items():
        figures[name] = np.abs(counts @ gaps).sum(axis=1, dtype=np.float64) / number
    hits = (counts @ sample.hits).astype(np.float64)
    given = (counts @ sample.given).astype(np.float64)
    figures["precision"] = hits / np.maximum(given, 1)
    figures["recall"] = hits / np.maximum(sample.support, 1)
    figures["f1"] = 2 * hits / np.maximum(given + sample.support, 1)
    present = sample.support > 0
    figures["macro_f1"] = figures["f1"][:, present].mean(axis=1)
    if sample.orders:
        areas = [order.roc_auc(counts) for order in sample.orders]
        figures["roc_auc"] = np.mean(areas, axis=0)
    return figures


def _gaps(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], bins: int = 15
) -> NDArray[np.float32]:
    """Confidence less correctness of each image, in the column of its bin: [N, bins]."""
    confidence = probabilities.max(axis=1)
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.zeros((len(labels), bins), np.float32)
    gaps[np.arange(len(labels)), places] = confidence - (probabilities.argmax(axis=1) == labels)
    return gaps


def _middle(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
