from __future__ import annotations

import numpy as np
import pytest

from service.contract import Manifest
from service.labelling import Decision, calibrate, label
from tests.bundles import knowing, labels_of, manifest_of


def manifest(*, classes: int = 3, temperature: float = 1.0) -> Manifest:
    return manifest_of(
        b"graph", labels=labels_of(classes), temperature=temperature, accept=0.8, review=0.5
    )


def logits_of(*probabilities: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.log(np.array(probabilities, dtype=np.float32))


def test_labels_stand_by_falling_score() -> None:
    labelling = label(logits_of(0.2, 0.7, 0.1), manifest())
    assert labelling.class_indices == (1, 0, 2)
    assert labelling.scores == pytest.approx((0.7, 0.2, 0.1))


@pytest.mark.parametrize(
    ("best", "decision"),
    [
        (0.9, Decision.ACCEPT),
        (0.7, Decision.REVIEW),
        (0.4, Decision.ABSTAIN),
    ],
)
def test_the_best_score_decides(best: float, decision: Decision) -> None:
    rest = (1 - best) / 2
    assert label(logits_of(rest, best, rest), manifest()).decision is decision


@pytest.mark.parametrize(
    ("best", "familiarity", "decision"),
    [
        (0.9, 2.0, Decision.ACCEPT),
        (0.9, 1.5, Decision.REVIEW),
        (0.9, 0.5, Decision.ABSTAIN),
        (0.7, 2.5, Decision.REVIEW),
        (0.4, 1.5, Decision.ABSTAIN),
    ],
)
def test_the_more_cautious_of_score_and_familiarity_decides(
    best: float, familiarity: float, decision: Decision
) -> None:
    known = knowing(manifest(), accept=2.0, review=1.0)
    rest = (1 - best) / 2
    evidence = np.append(logits_of(rest, best, rest), np.float32(familiarity))
    labelling = label(evidence, known)
    assert labelling.decision is decision
    assert labelling.scores == pytest.approx((best, rest, rest))


def test_evidence_without_its_familiarity_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 4 finite numbers"):
        label(logits_of(0.2, 0.7, 0.1), knowing(manifest(), accept=2.0, review=1.0))


def test_a_score_at_the_threshold_is_above_it() -> None:
    even = manifest_of(b"graph", labels=labels_of(2), accept=0.5, review=0.5)
    assert label(np.zeros(2, np.float32), even).decision is Decision.ACCEPT
    lower = manifest_of(b"graph", labels=labels_of(2), accept=0.6, review=0.5)
    assert label(np.zeros(2, np.float32), lower).decision is Decision.REVIEW


def test_top_k_and_min_score_cut_the_labels_and_not_the_decision() -> None:
    logits = logits_of(0.15, 0.82, 0.03)
    assert label(logits, manifest(), top_k=2).class_indices == (1, 0)
    assert label(logits, manifest(), min_score=0.1).class_indices == (1, 0)
    labelling = label(logits, manifest(), min_score=0.99)
    assert (labelling.decision, labelling.class_indices) == (Decision.ACCEPT, ())
    assert labelling.best == 1
    assert labelling.best_score == pytest.approx(0.82)


def test_more_labels_than_there_are_is_all_of_them() -> None:
    assert len(label(logits_of(0.2, 0.7, 0.1), manifest(), top_k=50).scores) == 3


def test_equal_scores_stand_in_the_order_of_the_labels() -> None:
    logits = np.array([0, 1, 0, 1, 0], np.float32)
    assert label(logits, manifest(classes=5)).class_indices == (1, 3, 0, 2, 4)


def test_a_higher_temperature_is_less_sure() -> None:
    logits = np.array([2, 0, 0], np.float32)
    sure = label(logits, manifest(temperature=0.5)).scores[0]
    unsure = label(logits, manifest(temperature=2.0)).scores[0]
    assert sure > label(logits, manifest()).scores[0] > unsure > 1 / 3


def test_huge_logits_overflow_nothing() -> None:
    labelling = label(np.array([3e38, -3e38, 0], np.float32), manifest(temperature=0.01))
    assert labelling.scores == (1.0, 0.0, 0.0)
    assert labelling.class_indices == (0, 2, 1)


def test_a_batch_is_calibrated_row_by_row() -> None:
    rows = np.array([[1, 2, 3], [0, 0, 9]], np.float32)
    assert np.array_equal(calibrate(rows, 1.5)[1], calibrate(rows[1], 1.5))


@pytest.mark.parametrize(
    "logits",
    [
        np.zeros(2, np.float32),
        np.zeros((1, 3), np.float32),
        np.array([0, np.nan, 0], np.float32),
        np.array([0, np.inf, 0], np.float32),
    ],
)
def test_what_is_not_one_finite_logit_a_label_is_refused(
    logits: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    with pytest.raises(ValueError, match="3 finite numbers"):
        label(logits, manifest())


def test_no_labels_at_all_is_not_a_question() -> None:
    with pytest.raises(ValueError, match="top_k"):
        label(np.zeros(3, np.float32), manifest(), top_k=0)
