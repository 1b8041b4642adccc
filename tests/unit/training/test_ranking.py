from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from training.calibration import softmax
from training.ranking import POINTS, rank

NAMES = ("a", "b", "c")


def test_the_areas_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 400)
    probabilities = softmax(generator.normal(0, 1, (400, 3)) + 2 * np.eye(3)[labels])
    found = rank(probabilities, labels, NAMES)
    for index, one in enumerate(found.per_class):
        member = labels == index
        assert one.id == NAMES[index]
        assert one.roc_auc == pytest.approx(roc_auc_score(member, probabilities[:, index]))
        expected = average_precision_score(member, probabilities[:, index])
        assert one.average_precision == pytest.approx(expected)
        assert len(one.roc) <= POINTS + 2
        assert (one.roc[0], one.roc[-1]) == ((0.0, 0.0), (1.0, 1.0))
        assert one.precision_recall[0][0] == 0.0
        assert one.precision_recall[-1][0] == 1.0
    assert found.roc_auc == pytest.approx(np.mean([one.roc_auc for one in found.per_class]))


def test_a_class_that_no_image_has_is_not_ranked() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    found = rank(probabilities, np.array([0, 1]), NAMES)
    assert [one.id for one in found.per_class] == ["a", "b"]
    assert found.roc_auc == 1.0
    alone = rank(probabilities, np.array([0, 0]), NAMES)
    assert (alone.roc_auc, alone.average_precision, alone.per_class) == (None, None, ())


def test_a_curve_of_few_points_encloses_what_the_whole_one_does() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 5000)
    scores = generator.normal(labels.astype(float), 1.0)
    probabilities = softmax(np.stack([-scores, scores], axis=1))
    one = rank(probabilities, labels, ("a", "b")).per_class[1]
    across, up = np.array(one.roc).T
    assert np.trapezoid(up, across) == pytest.approx(one.roc_auc, abs=2e-3)
