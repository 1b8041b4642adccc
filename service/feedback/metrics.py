"""Counts of corrections by class, and how the database of corrections fares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.feedback.corrections import Correction, Recorded, Status

MAX_CLASSES: Final = 500
"""Labels with series of their own; corrections of further ones are counted as ``other``."""
_OTHER: Final = "other"
_SECONDS: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 4, 8)


class FeedbackMetrics:
    """What one process received; the database knows of all of them."""

    def __init__(
        self, registry: CollectorRegistry, *, pending: Callable[[], int], bound: int
    ) -> None:
        self._classes: set[str] = set()
        self._corrections = Counter(
            "rotulo_feedback",
            "Corrections received, by the label offered and the verdict on it.",
            ["offered", "verdict"],
            registry=registry,
        )
        self._changes = Counter(
            "rotulo_feedback_changes", "Corrections that replaced another.", registry=registry
        )
        self._purged = Counter(
            "rotulo_feedback_purged", "Corrections deleted for their age.", registry=registry
        )
        self._failures = Counter(
            "rotulo_feedback_failures",
            "Work that the database of corrections failed, or did not end in time.",
            ["work"],
            registry=registry,
        )
        self.seconds = Histogram(
            "rotulo_feedback_duration_seconds",
            "Time to keep one correction, waiting included.",
            buckets=_SECONDS,
            registry=registry,
        )
        waiting = Gauge(
            "rotulo_feedback_pending",
            "Corrections on their way to the database.",
            registry=registry,
        )
        waiting.set_function(pending)
        Gauge(
            "rotulo_feedback_pending_bound", "Corrections that may be on it.", registry=registry
        ).set(bound)

    def count(self, correction: Correction, recorded: Recorded) -> None:
        """Count what became of a correction; the same again is nothing new."""
        if recorded.status is Status.RECORDED:
            offered = self._bounded(correction.offered)
            self._corrections.labels(offered, correction.verdict).inc()
        elif recorded.status is Status.UPDATED:
            self._changes.inc()

    def count_purged(self, rows: int) -> None:
        """Count corrections deleted for their age."""
        self._purged.inc(rows)

    def count_failure(self, work: str) -> None:
        """Count one failure to ``record`` or to ``purge``."""
        self._failures.labels(work).inc()

    def _bounded(self, label: str) -> str:
        if label not in self._classes and len(self._classes) >= MAX_CLASSES:
            return _OTHER
        self._classes.add(label)
        return label
