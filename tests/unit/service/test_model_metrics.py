from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.contract import Baseline, Manifest
from service.labelling import label
from service.manifest import SCORE_BOUNDS
from service.model_metrics import ModelMetrics
from tests.bundles import labels_of, manifest_of

CAT = {"model": "linear", "version": "1", "label": "cat"}


def manifest(*, baseline: Baseline | None = None, version: str = "1") -> Manifest:
    made = manifest_of(b"graph", labels=labels_of(4), version=version, accept=0.8, review=0.5)
    return made.model_copy(update={"baseline": baseline})


def counted_on(n: int) -> Baseline:
    scores = [0] * len(SCORE_BOUNDS)
    scores[8], scores[-1] = n // 4, n - n // 4
    return Baseline(
        n=n,
        labels={"airplane": n - 1, "automobile": 0, "bird": 0, "cat": 1},
        decisions={"accept": n - 3, "review": 2, "abstain": 1},
        scores=tuple(scores),
        split="validation",
    )


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_model_that_labelled_nothing_has_every_series_at_zero(
    registry: CollectorRegistry,
) -> None:
    """A label that never came would otherwise be missing from the shares, not zero in them."""
    ModelMetrics(registry).describe(manifest(), "cpu")
    assert registry.get_sample_value("rotulo_best_labels_total", CAT) == 0
    of_model = {"model": "linear", "version": "1"}
    abstained = {**of_model, "decision": "abstain"}
    assert registry.get_sample_value("rotulo_images_total", abstained) == 0
    assert registry.get_sample_value("rotulo_best_score_count", of_model) == 0
    assert registry.get_sample_value("rotulo_baseline_images", of_model) is None


def test_an_image_counts_once_by_label_by_decision_and_by_score(
    registry: CollectorRegistry,
) -> None:
    metrics, described = ModelMetrics(registry), manifest()
    metrics.describe(described, "cpu")
    logits = np.log(np.array([0.02, 0.03, 0.03, 0.92], np.float32))
    metrics.count(described, label(logits, described, min_score=0.99))
    of_model = {"model": "linear", "version": "1"}
    assert registry.get_sample_value("rotulo_best_labels_total", CAT) == 1
    assert registry.get_sample_value("rotulo_images_total", {**of_model, "decision": "accept"}) == 1
    buckets = [
        registry.get_sample_value("rotulo_best_score_bucket", {**of_model, "le": str(bound)})
        for bound in SCORE_BOUNDS
    ]
    assert buckets == [0.0] * 9 + [1.0] * 3


def test_the_baseline_is_told_in_shares_and_scores_up_to_the_bounds_of_the_histogram(
    registry: CollectorRegistry,
) -> None:
    ModelMetrics(registry).describe(manifest(baseline=counted_on(40)), "cpu")
    of_model = {"model": "linear", "version": "1"}
    assert registry.get_sample_value("rotulo_baseline_images", of_model) == 40
    assert registry.get_sample_value("rotulo_baseline_label_share", CAT) == 1 / 40
    told = {
        sample.labels["le"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "rotulo_baseline_score_share"
    }
    buckets = {
        sample.labels["le"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "rotulo_best_score_bucket"
    }
    assert set(told) == buckets - {"+Inf"}
    assert (told["0.8"], told["0.9"], told["1.0"]) == (0, 0.25, 1)


def test_a_model_that_is_forgotten_leaves_no_series_and_another_version_stays(
    registry: CollectorRegistry,
) -> None:
    metrics = ModelMetrics(registry)
    for version in ("1", "2"):
        metrics.describe(manifest(baseline=counted_on(40), version=version), "cpu")
    metrics.forget(manifest(version="1"))
    text = generate_latest(registry).decode()
    assert 'version="1"' not in text
    assert 'version="2"' in text
