"""Counts per class never grow without bound."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from service.feedback.corrections import Correction, Recorded, Status
from service.feedback.metrics import MAX_CLASSES, FeedbackMetrics


def test_classes_beyond_the_bound_share_one_series() -> None:
    registry = CollectorRegistry()
    metrics = FeedbackMetrics(registry, pending=lambda: 0, bound=1)
    for number in range(MAX_CLASSES + 7):
        correction = Correction("0" * 32, "m", "1", f"class-{number}", None)
        metrics.count(correction, Recorded(Status.RECORDED, image=False))
    offered = {
        sample.labels["offered"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "rotulo_feedback_total"
    }
    assert len(offered) == MAX_CLASSES + 1
    assert offered["other"] == 7
