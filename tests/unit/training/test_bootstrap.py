from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from training.bootstrap import Intervals, Sample, _Order, intervals
from training.calibration import expected_calibration_error, softmax


def sample(count: int, *, sure: float = 2.0) -> tuple[Sample, NDArray[np.float64]]:
    """Return what images of three classes add, and their probabilities."""
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 3, count)
    logits = generator.normal(0, 1, (count, 3)) + sure * np.eye(3)[labels]
    probabilities = softmax(logits)
    return Sample(labels, softmax(logits, 0.5), probabilities, None), probabilities


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


def test_the_figures_lie_within_and_more_images_say_more() -> None:
    few, _ = sample(100)
    many, probabilities = sample(1600)
    small, large = intervals(few, draws=200), intervals(many, draws=200)
    accuracy = float((probabilities.argmax(axis=1) == many.labels).mean())
    assert large.accuracy[0] < accuracy < large.accuracy[1]
    # Four times as sure from sixteen times the images.
    assert width(small.accuracy) / width(large.accuracy) == pytest.approx(4, rel=0.35)
    # The binomial's 95 %, which stratified draws stay a little within.
    binomial = 2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / 1600)
    assert width(large.accuracy) == pytest.approx(binomial, rel=0.2)
    error = expected_calibration_error(probabilities, many.labels)
    assert large.ece_after[0] < error + 0.02
    assert large.roc_auc is not None
    assert 0.5 < large.roc_auc[0] < large.roc_auc[1] < 1.0
    assert large.top5 is None
    assert len(large.per_class) == 3


def test_the_same_seed_gives_the_same_intervals() -> None:
    drawn, _ = sample(60)
    assert intervals(drawn, draws=60) == intervals(drawn, draws=60)
    assert intervals(drawn, draws=60) != intervals(drawn, draws=60, seed=1)
    drawn_once = intervals(drawn, draws=60)
    assert Intervals.model_validate_json(drawn_once.model_dump_json()) == drawn_once


def test_an_area_by_counts_is_that_of_the_images_drawn_so_often() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.4, 0.7, 0.9])
    member = np.array([False, True, False, True, False, True])
    counts = np.array([[1, 1, 1, 1, 1, 1], [2, 0, 3, 1, 0, 1], [1, 3, 0, 0, 2, 0]], np.float32)
    found = _Order(scores, member).roc_auc(counts)
    for row, area in zip(counts.astype(int), found, strict=True):
        drawn = np.repeat(np.arange(6), row)
        assert area == pytest.approx(roc_auc_score(member[drawn], scores[drawn]))


def test_a_model_that_is_always_right_leaves_no_doubt() -> None:
    drawn, _ = sample(50, sure=50.0)
    found = intervals(drawn, draws=40)
    assert found.accuracy == found.macro_f1 == found.roc_auc == (1.0, 1.0)
