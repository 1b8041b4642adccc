from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from training.calibration import (
    choose_thresholds,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    softmax,
)

ROWS = st.integers(1, 60)


@st.composite
def labelled_logits(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(ROWS)
    logits = draw(arrays.arrays(np.float64, (rows, 4), elements=st.floats(-30, 30)))
    return logits, draw(arrays.arrays(np.int64, rows, elements=st.integers(0, 3)))


@st.composite
def graded(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores, some of them equal, with whether each label is right."""
    rows = draw(ROWS)
    grades = st.sampled_from([0.3, 0.5, 0.75, 0.9]) | st.floats(0.25, 0.9999)
    scores = draw(arrays.arrays(np.float64, rows, elements=grades))
    return scores, draw(arrays.arrays(np.bool_, rows))


@given(case=graded(), accept_error=st.floats(0, 1), review_coverage=st.floats(0, 1))
def test_no_more_labels_are_wrong_among_the_accepted_than_allowed(
    case: tuple[np.ndarray, np.ndarray], accept_error: float, review_coverage: float
) -> None:
    scores, correct = case
    found = choose_thresholds(
        scores, correct, accept_error=accept_error, review_coverage=review_coverage
    )
    reached = scores >= found.accept
    assert found.error <= accept_error
    assert found.coverage == reached.mean()
    assert found.error == (np.mean(~correct[reached]) if reached.any() else 0)
    assert 0 <= found.review <= found.accept <= 1


@given(case=labelled_logits())
def test_the_fitted_temperature_is_no_worse_than_none(case: tuple[np.ndarray, np.ndarray]) -> None:
    logits, labels = case
    fitted = negative_log_likelihood(logits, labels, fit_temperature(logits, labels))
    assert fitted <= negative_log_likelihood(logits, labels) + 1e-3


@given(case=labelled_logits(), temperature=st.floats(0.1, 10))
def test_a_temperature_never_changes_which_label_comes_first(
    case: tuple[np.ndarray, np.ndarray], temperature: float
) -> None:
    logits, _ = case
    probabilities = softmax(logits, temperature)
    first = probabilities[np.arange(len(logits)), logits.argmax(1)]
    np.testing.assert_array_equal(first, probabilities.max(1))


@given(case=labelled_logits(), bins=st.integers(1, 30))
def test_the_bins_share_out_all_images_and_the_error_lies_in_the_unit_interval(
    case: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    logits, labels = case
    probabilities = softmax(logits)
    assert sum(p.share for p in reliability(probabilities, labels, bins)) == pytest.approx(1)
    assert -1e-9 <= expected_calibration_error(probabilities, labels, bins) <= 1 + 1e-9
