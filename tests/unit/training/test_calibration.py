from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.calibration import (
    MANY,
    TEMPERATURE_RANGE,
    ReliabilityBin,
    calibration_error_by_chance,
    choose_thresholds,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    settle_temperature,
    softmax,
)


def honest(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return logits [n, 5], and labels drawn with the very probabilities that they claim."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, 5))
    return logits, (softmax(logits).cumsum(1) > generator.random((n, 1))).argmax(1)


def test_probabilities_of_huge_logits_are_finite_and_sum_to_one() -> None:
    found = softmax(np.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(found, np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]]))


def test_the_likelihood_is_the_mean_of_the_labels_log_probabilities() -> None:
    logits, labels = honest(50)
    expected = -np.log(softmax(logits, 1.7)[np.arange(50), labels]).mean()
    assert negative_log_likelihood(logits, labels, 1.7) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [0.25, 1.0, 1.8, 6.0])
def test_the_temperature_undoes_a_known_scaling(scale: float) -> None:
    logits, labels = honest(20_000)
    assert fit_temperature(logits * scale, labels) == pytest.approx(scale, rel=0.03)


def test_the_temperature_stays_in_its_range_when_every_label_is_right() -> None:
    logits = np.eye(3)
    assert fit_temperature(logits, np.arange(3)) == pytest.approx(TEMPERATURE_RANGE[0], rel=0.01)


def test_honest_probabilities_have_almost_no_calibration_error() -> None:
    logits, labels = honest(50_000)
    assert expected_calibration_error(softmax(logits), labels) < 0.01
    assert expected_calibration_error(softmax(3 * logits), labels) > 0.1


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_temperature_that_ships_undoes_a_known_scaling_too(scale: float) -> None:
    logits, labels = honest(20_000)
    likeliest = fit_temperature(logits * scale, labels)
    found = settle_temperature(logits * scale, labels, likeliest)
    assert found == pytest.approx(scale, rel=0.05)


def test_a_few_sure_mistakes_do_not_decide_the_temperature_that_ships() -> None:
    """One wrong label in fifty, whatever a model says: likelihood doubts all, calibration few."""
    logits, labels = honest(20_000)
    logits, labels = logits * 3, labels.copy()
    wrong = np.random.default_rng(1).random(len(labels)) < 0.02
    labels[wrong] = (labels[wrong] + 1) % 5

    def error(temperature: float) -> float:
        return expected_calibration_error(softmax(logits, temperature), labels)

    likeliest = fit_temperature(logits, labels)
    assert error(settle_temperature(logits, labels, likeliest)) < error(likeliest)


def test_of_few_images_the_likeliest_temperature_ships() -> None:
    logits, labels = honest(MANY - 1)
    likeliest = fit_temperature(logits, labels)
    assert settle_temperature(logits, labels, likeliest) == likeliest


@pytest.mark.parametrize("n", [300, 5000])
def test_even_honest_probabilities_show_an_error_and_chance_says_how_much(n: int) -> None:
    """Over many draws of labels with the probabilities that are claimed."""
    found, told = [], []
    for seed in range(200):
        logits, labels = honest(n, seed)
        probabilities = softmax(logits)
        found.append(expected_calibration_error(probabilities, labels))
        told.append(calibration_error_by_chance(reliability(probabilities, labels), n))
    assert np.mean(told) == pytest.approx(np.mean(found), rel=0.05)


def test_whoever_is_sure_and_right_shows_no_error_by_chance() -> None:
    assert calibration_error_by_chance([ReliabilityBin(1.0, 1.0, 1.0)], 100) == 0


def test_the_calibration_error_of_a_hand_made_case() -> None:
    """Two images at 0.9, one of them right; two at 0.6, both right: 0.5 × 0.4 + 0.5 × 0.4."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    labels = np.array([0, 1, 0, 1])
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.4)
    low, high = reliability(probabilities, labels)
    assert (low.confidence, low.accuracy, low.share) == pytest.approx((0.6, 1.0, 0.5))
    assert (high.confidence, high.accuracy, high.share) == pytest.approx((0.9, 0.5, 0.5))


def test_full_confidence_falls_into_the_last_bin() -> None:
    only = reliability(np.array([[1.0, 0.0]]), np.array([1]))
    assert [(part.confidence, part.accuracy, part.share) for part in only] == [(1.0, 0.0, 1.0)]
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([1])) == 1.0


def test_thresholds_of_a_hand_made_case() -> None:
    """The wrong label at 0.7 is the first of four: accepting it would make 25 % wrong."""
    scores = np.array([0.9, 0.8, 0.95, 0.7, 0.4])
    correct = np.array([True, True, True, False, True])
    found = choose_thresholds(scores, correct, accept_error=0.1, review_coverage=1.0)
    assert (found.accept, found.review, found.n) == (0.8, 0.4, 5)
    assert (found.coverage, found.error) == (0.6, 0.0)


def test_nothing_is_accepted_when_even_the_surest_label_is_wrong() -> None:
    found = choose_thresholds(np.array([0.9, 0.5]), np.array([False, False]))
    assert (found.accept, found.coverage, found.error) == (1.0, 0.0, 0.0)
