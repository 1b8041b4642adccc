"""The head that is fitted by itself, on features that can be told apart by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from training.calibration import fit_temperature, softmax
from training.head import _cross_validated, _regression
from training.recipe import Fit, LogisticHead, Sgd
from training.recipes import find_recipe


def features(classes: int, each: int = 20) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(classes), each)
    noise = np.random.default_rng(0).normal(0, 0.3, (2, len(labels), 6))
    return (np.eye(6)[labels][None] + noise).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3])
def test_a_regression_has_a_column_a_class_and_tells_them(classes: int) -> None:
    seen, labels = features(classes)
    kernel, bias = _regression(seen, labels, 1.0)
    assert (kernel.shape, bias.shape) == ((6, classes), (classes,))
    assert (softmax(seen[0] @ kernel + bias).argmax(axis=1) == labels).mean() > 0.95


def test_a_penalty_that_allows_nothing_costs_likelihood() -> None:
    seen, labels = features(3)
    head = LogisticHead()
    firm, free = (_cross_validated(seen, labels, head, strength, 0) for strength in (1e-6, 1.0))
    assert free < firm == pytest.approx(np.log(3), abs=0.01)


def test_a_fit_without_epochs_needs_a_head() -> None:
    with pytest.raises(ValidationError, match="needs a head"):
        Fit(epochs=0, batch_size=8, optimiser=Sgd(learning_rate=0.1))
    assert find_recipe("transfer").fit.lasting(3).epochs == 3


def test_a_temperature_can_be_kept_from_making_a_model_surer() -> None:
    logits, labels = np.eye(3)[[0, 1, 2] * 4] * 4, np.array([0, 1, 2] * 4)
    assert fit_temperature(logits, labels) < 0.2
    assert fit_temperature(logits, labels, lowest=1.0) == pytest.approx(1.0, abs=0.01)
