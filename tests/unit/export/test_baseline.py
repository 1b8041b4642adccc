from __future__ import annotations

import numpy as np

from export.baseline import count_baseline
from service.labelling import calibrate, label
from service.manifest import SCORE_BOUNDS
from tests.bundles import labels_of, manifest_of


def test_a_baseline_counts_what_the_service_would_have_said() -> None:
    manifest = manifest_of(b"graph", labels=labels_of(4), temperature=0.7, accept=0.8, review=0.5)
    logits = np.random.default_rng(0).normal(0, 2, (500, 4)).astype(np.float32)
    baseline = count_baseline(logits, manifest, "validation")
    best = logits.argmax(axis=1)
    scores = calibrate(logits, manifest.temperature).max(axis=1)
    assert list(baseline.labels.values()) == np.bincount(best, minlength=4).tolist()
    decisions = [label(row, manifest).decision.value for row in logits]
    assert baseline.decisions == {name: decisions.count(name) for name in baseline.decisions}
    up_to = np.cumsum(baseline.scores)
    assert up_to.tolist() == [int((scores <= bound).sum()) for bound in SCORE_BOUNDS]


def test_a_score_on_a_bound_is_below_it() -> None:
    """As Prometheus counts it in a histogram: `le` is less or equal."""
    manifest = manifest_of(b"graph", labels=labels_of(2))
    baseline = count_baseline(np.zeros((3, 2), np.float32), manifest, "validation")
    assert baseline.scores[SCORE_BOUNDS.index(0.5)] == 3
