from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract import Manifest
from service.labelling import Decision, calibrate, label
from tests.bundles import labels_of, manifest_of

FINITE = st.floats(-1e4, 1e4, width=32)
LOGITS = st.lists(FINITE, min_size=2, max_size=12).map(lambda row: np.array(row, np.float32))
TEMPERATURES = st.floats(0.05, 20)
Row = np.ndarray[tuple[int], np.dtype[np.float32]]


def manifest(logits: Row, temperature: float = 1.0, **thresholds: float) -> Manifest:
    labels = labels_of(len(logits))
    return manifest_of(b"graph", labels=labels, temperature=temperature, **thresholds)  # type: ignore[arg-type]


@given(logits=LOGITS, temperature=TEMPERATURES)
def test_before_any_cut_the_scores_sum_to_one_and_fall(logits: Row, temperature: float) -> None:
    labelling = label(logits, manifest(logits, temperature), top_k=len(logits))
    assert sum(labelling.scores) == pytest.approx(1)
    assert list(labelling.scores) == sorted(labelling.scores, reverse=True)
    assert sorted(labelling.class_indices) == list(range(len(logits)))
    assert labelling.class_indices[0] == int(np.argmax(logits))


@given(logits=LOGITS, lower=TEMPERATURES, higher=TEMPERATURES)
def test_a_higher_temperature_is_never_more_sure_and_never_changes_the_order(
    logits: Row, lower: float, higher: float
) -> None:
    lower, higher = sorted([lower, higher])
    sure = label(logits, manifest(logits, lower), top_k=12)
    unsure = label(logits, manifest(logits, higher), top_k=12)
    assert unsure.scores[0] <= sure.scores[0] + 1e-12
    assert unsure.class_indices == sure.class_indices


@given(logits=LOGITS, shift=st.integers(-1000, 1000))
def test_what_is_added_to_all_logits_changes_nothing(logits: Row, shift: int) -> None:
    exact = np.round(logits).astype(np.float32)
    moved = (exact + np.float32(shift)).astype(np.float32)
    assert np.allclose(calibrate(exact, 1.0), calibrate(moved, 1.0))


@given(logits=LOGITS, top_k=st.integers(1, 15), min_score=st.floats(0, 1))
def test_cuts_keep_the_head_of_the_list(logits: Row, top_k: int, min_score: float) -> None:
    whole = label(logits, manifest(logits), top_k=len(logits))
    cut = label(logits, manifest(logits), top_k=top_k, min_score=min_score)
    kept = len(cut.scores)
    assert kept <= top_k
    assert cut.scores == whole.scores[:kept]
    assert cut.class_indices == whole.class_indices[:kept]
    assert all(score >= min_score for score in cut.scores)
    assert all(score < min_score for score in whole.scores[kept:top_k])
    assert cut.decision is whole.decision


@given(logits=LOGITS, review=st.floats(0, 1), accept=st.floats(0, 1))
def test_the_decision_follows_the_best_score(logits: Row, review: float, accept: float) -> None:
    review, accept = sorted([review, accept])
    labelling = label(logits, manifest(logits, accept=accept, review=review))
    best = labelling.scores[0]
    assert (labelling.decision is Decision.ACCEPT) == (best >= accept)
    assert (labelling.decision is Decision.ABSTAIN) == (best < review)
