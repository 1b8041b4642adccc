"""What is counted of each model: its labels, its scores, its decisions, and its baseline.

Every series names the model and its version, so that a count is only ever compared with the
baseline of the model that made it. There are as many label series as the models in service have
labels; nothing that a client sends becomes a series.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.labelling import Decision, Labelling
from service.manifest import SCORE_BOUNDS

if TYPE_CHECKING:
    from service.contract import Baseline, Manifest

_MODEL: Final = ("model", "version")


class ModelMetrics:
    """The metrics of every model in service; a model that is described has all of its series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every metric of models."""

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(name, meaning, labels, registry=registry)

        self._info = gauge("rotulo_model_info", "A bundle in service.", *_MODEL, "sha256")
        self._provider = gauge("rotulo_provider_info", "What a model runs on.", *_MODEL, "provider")
        self._reloads = Counter(
            "rotulo_model_reloads",
            "Reloads that were asked for; a failed one leaves the old models in service.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("done", "failed"):
            self._reloads.labels(outcome)
        self._draining = gauge(
            "rotulo_models_draining", "Models that wait for the last requests that hold them."
        )
        self._images = Counter(
            "rotulo_images",
            "Images labelled, by decision.",
            (*_MODEL, "decision"),
            registry=registry,
        )
        self._labels = Counter(
            "rotulo_best_labels",
            "Images labelled, by their best label, whatever the decision.",
            (*_MODEL, "label"),
            registry=registry,
        )
        self._scores = Histogram(
            "rotulo_best_score",
            "The best label's calibrated score, 0 to 1.",
            _MODEL,
            buckets=SCORE_BOUNDS,
            registry=registry,
        )
        self._baseline_images = gauge(
            "rotulo_baseline_images", "Images that the baseline was counted on.", *_MODEL
        )
        self._baseline_labels = gauge(
            "rotulo_baseline_label_share", "Share of a best label, 0 to 1.", *_MODEL, "label"
        )
        self._baseline_decisions = gauge(
            "rotulo_baseline_decision_share", "Share of a decision, 0 to 1.", *_MODEL, "decision"
        )
        self._baseline_scores = gauge(
            "rotulo_baseline_score_share", "Share of best scores up to le, 0 to 1.", *_MODEL, "le"
        )

        # Looking a series up costs more than counting; there are as many as the models have.
        self._image_series = cache(self._images.labels)
        self._label_series = cache(self._labels.labels)
        self._score_series = cache(self._scores.labels)

    def watch_draining(self, count: Callable[[], int]) -> None:
        """Read how many models wait for their last requests, at each scrape."""
        self._draining.set_function(count)

    def count_reload(self, outcome: Literal["done", "failed"]) -> None:
        """Count one exchange of the models in service for those on disk."""
        self._reloads.labels(outcome).inc()

    def describe(self, manifest: Manifest, provider: str) -> None:
        """Say that a model is in service; its counts begin at zero, where they are not there."""
        model = (manifest.name, manifest.version)
        self._info.labels(*model, manifest.model_sha256).set(1)
        self._provider.labels(*model, provider).set(1)
        for decision in Decision:
            self._images.labels(*model, decision)
        for label in manifest.labels:
            self._labels.labels(*model, label.id)
        self._scores.labels(*model)
        if manifest.baseline is not None:
            self._describe_baseline(model, manifest.baseline)

    def _describe_baseline(self, model: tuple[str, str], baseline: Baseline) -> None:
        n = baseline.n
        self._baseline_images.labels(*model).set(n)
        for label, count in baseline.labels.items():
            self._baseline_labels.labels(*model, label).set(count / n)
        for decision, count in baseline.decisions.items():
            self._baseline_decisions.labels(*model, decision).set(count / n)
        for bound, count in zip(SCORE_BOUNDS, accumulate(baseline.scores), strict=True):
            self._baseline_scores.labels(*model, str(bound)).set(count / n)

    def forget(self, manifest: Manifest) -> None:
        """Drop every series of a model that is no longer in service."""
        model = {"model": manifest.name, "version": manifest.version}
        for metric in (
            self._info,
            self._provider,
            self._images,
            self._labels,
            self._scores,
            self._baseline_images,
            self._baseline_labels,
            self._baseline_decisions,
            self._baseline_scores,
        ):
            metric.remove_by_labels(model)
        for known in (self._image_series, self._label_series, self._score_series):
            known.cache_clear()

    def count(self, manifest: Manifest, labelling: Labelling) -> None:
        """Count one image whose labelling is part of an answer."""
        model = manifest.ref
        self._image_series(*model, labelling.decision).inc()
        self._label_series(*model, manifest.labels[labelling.best].id).inc()
        self._score_series(*model).observe(labelling.best_score)
