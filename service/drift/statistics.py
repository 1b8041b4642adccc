"""How far two counts of what a model said lie apart, and how far chance alone would take them.

Labels and decisions are compared by the Jensen-Shannon divergence in bits (Lin 1991), 0 to 1: it
takes zeros, and is the same in both directions. Scores, which have an order, are compared by the
Kolmogorov-Smirnov distance over the bounds of their histogram, 0 to 1. Both can be written in
PromQL, and ``deploy/prometheus/rules/model.yml`` does, with the thresholds that stand here.

Chance is drawn, not assumed: ``noise`` is what 999 of 1000 pairs of samples of these sizes, both
from the baseline, stay below. The interval is the bootstrap's of what was observed, its bias taken
off. Both take images as independent; a burst of one client's pictures is less evidence than it
looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from service.labelling import Decision
from service.manifest import SCORE_BOUNDS, Baseline

Kind = Literal["label", "decision", "score"]
Shares = NDArray[np.float64]
Distance = Callable[[Shares, Shares], NDArray[np.float64]]

THRESHOLDS: Final[Mapping[Kind, float]] = MappingProxyType(
    {"label": 0.05, "decision": 0.05, "score": 0.2}
)
"""A smaller distance is no matter, however sure it is."""
MIN_IMAGES: Final = 500
"""Fewer say nothing yet."""

_WHOLE: Final = 0.99  # Prometheus estimates each part by itself
_REPLICATES: Final = 4000
_NOISE_QUANTILE: Final = 0.999
_INTERVAL: Final = (0.025, 0.975)
_SEED: Final = 0


@dataclass(slots=True)
class Counts:
    """How often a model said what: by best label, by decision, by bin of ``SCORE_BOUNDS``.

    The parts may count different numbers of images, where a source tells less of some; estimates
    of Prometheus are not whole.
    """

    labels: dict[str, float] = field(default_factory=dict)
    decisions: dict[str, float] = field(default_factory=dict)
    scores: list[float] = field(default_factory=lambda: [0.0] * len(SCORE_BOUNDS))

    @property
    def images(self) -> int:
        """Return how many images were labelled."""
        return round(sum(self.decisions.values()))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One distance: of how many images, its interval of 95 %, and what chance stays below."""

    kind: Kind
    images: int
    distance: float
    low: float
    high: float
    noise: float
    threshold: float

    @property
    def enough(self) -> bool:
        """Return whether there are images enough to say."""
        return self.images >= MIN_IMAGES

    @property
    def drifted(self) -> bool:
        """Return whether the distance matters, and is more than chance."""
        return self.enough and self.distance > max(self.threshold, self.noise)


def divergence(p: Shares, q: Shares) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence in bits of shares ``[..., k]``, over the last axis."""
    return np.maximum(_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2, 0.0)


def cumulative_distance(p: Shares, q: Shares) -> NDArray[np.float64]:
    """Return the Kolmogorov-Smirnov distance of binned shares ``[..., k]``, over the last axis."""
    return np.asarray(np.abs(np.cumsum(p, axis=-1) - np.cumsum(q, axis=-1)).max(axis=-1))


def compare(observed: Counts, baseline: Baseline) -> tuple[Comparison, ...]:
    """Return a comparison of each part that was observed at all.

    A label that the baseline does not know counts as one that never came there.
    """
    names = sorted({*baseline.labels, *observed.labels})
    decisions = sorted(baseline.decisions)
    parts: list[tuple[Kind, list[float], list[float], Distance]] = [
        (
            "label",
            [observed.labels.get(name, 0) for name in names],
            [baseline.labels.get(name, 0) for name in names],
            divergence,
        ),
        (
            "decision",
            [observed.decisions.get(name, 0) for name in decisions],
            [baseline.decisions[name] for name in decisions],
            divergence,
        ),
        ("score", list(observed.scores), list(baseline.scores), cumulative_distance),
    ]
    return tuple(
        _compare(kind, np.array(seen), np.array(known), distance)
        for kind, seen, known, distance in parts
        if round(sum(seen)) > 0
    )


def baseline_of(observed: Counts, labels: Iterable[str], split: str) -> Baseline:
    """Return what was observed as a baseline of these labels; estimates become whole images.

    Raises:
        ValueError: the labels or scores of some images were not observed.
    """
    n = observed.images
    if min(sum(observed.labels.values()), sum(observed.scores)) < _WHOLE * n:
        raise ValueError("a baseline needs the label and the score of every image")
    return Baseline.model_validate(
        {
            "n": n,
            "labels": _apportioned({name: observed.labels.get(name, 0) for name in labels}, n),
            "decisions": _apportioned(
                {each.value: observed.decisions.get(each, 0) for each in Decision}, n
            ),
            "scores": tuple(_apportioned(dict(enumerate(observed.scores)), n).values()),
            "split": split,
        }
    )


def _compare(kind: Kind, seen: Shares, known: Shares, distance: Distance) -> Comparison:
    generator = np.random.default_rng(_SEED)
    n, m = round(seen.sum()), round(known.sum())
    p, q = seen / seen.sum(), known / known.sum()

    def resampled(size: int, shares: Shares) -> Shares:
        return np.asarray(generator.multinomial(size, shares, _REPLICATES) / size)

    by_chance = distance(resampled(n, q), resampled(m, q))
    observed = float(distance(p, q))
    again = distance(resampled(n, p), resampled(m, q))
    # A sample of a sample lies farther off than the sample: that much is taken away again.
    low, high = np.clip(np.quantile(again, _INTERVAL) - (again.mean() - observed), 0, 1)
    return Comparison(
        kind=kind,
        images=n,
        distance=observed,
        low=float(low),
        high=float(high),
        noise=float(np.quantile(by_chance, _NOISE_QUANTILE)),
        threshold=THRESHOLDS[kind],
    )


def _entropy(shares: Shares) -> NDArray[np.float64]:
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(-(shares * logarithms).sum(axis=-1))


def _apportioned(counts: Mapping[Any, float], n: int) -> dict[Any, int]:
    """Return whole counts that add up to ``n``, by largest remainder."""
    total = sum(counts.values()) or 1.0
    exact = {name: count * n / total for name, count in counts.items()}
    whole = {name: int(count) for name, count in exact.items()}
    by_remainder = sorted(exact, key=lambda name: whole[name] - exact[name])
    for name in by_remainder[: n - sum(whole.values())]:
        whole[name] += 1
    return whole
