"""Every metric of the service, on a registry that is handed in.

Requests are counted by route template (``unmatched`` where there is none), so that a scanner's
made-up paths never become series. A request is counted before the last byte of its answer leaves,
so that whoever has the answer finds it in the next scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from service.access_metrics import AccessMetrics
from service.contract import Manifest
from service.cores import usable_cores
from service.labelling import Labelling
from service.model_metrics import ModelMetrics
from service.version import VERSION

UNMATCHED: Final = "unmatched"
CLIENT_LEFT: Final = "499"
"""The status of a request whose client left before the answer; nginx's number for it."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS: Final = (
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16,
)  # fmt: skip
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_LAGS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters, histograms and gauges of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every metric; a second ``Metrics`` needs a registry of its own."""
        self.registry = registry
        self._register_traffic(registry)
        self._register_bounds(registry)
        self.models = ModelMetrics(registry)
        self._register_explanations(registry)
        self._register_cache(registry)
        self.access = AccessMetrics(registry)
        self._register_process(registry)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def _register_traffic(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "rotulo_requests",
            "Requests answered; status 499 is a client who left before the answer.",
            ["route", "method", "status"],
            registry=registry,
        )
        self._latency = Histogram(
            "rotulo_request_duration_seconds",
            "From a request's headers to the last byte of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "rotulo_stage_duration_seconds",
            "Time of one labelled image in each stage.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        # Looking a series up costs more than counting; there are few, and none of these ever goes.
        self._request_series = cache(self._requests.labels)
        self._latency_series = cache(self._latency.labels)
        self._stage_series = cache(self._stages.labels)
        self._register_batches(registry)
        self._rejections = Counter(
            "rotulo_rejections",
            "Problems answered, for whole requests and for files of a batch.",
            ["reason"],
            registry=registry,
        )

    def _register_batches(self, registry: CollectorRegistry) -> None:
        self._batch_size = Histogram(
            "rotulo_batch_size",
            "Images in one run of the session.",
            buckets=_SIZES,
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "rotulo_batch_duration_seconds",
            "Time of one run of the session.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._failed_batches = Counter(
            "rotulo_failed_batches", "Runs of the session that failed.", registry=registry
        )

    def _register_process(self, registry: CollectorRegistry) -> None:
        self._loop_lag = Histogram(
            "rotulo_loop_lag_seconds",
            "How late the event loop is, for work that arrives at any time.",
            buckets=_LAGS,
            registry=registry,
        )
        self._stuck_threads = Gauge(
            "rotulo_stuck_threads",
            "Threads that have been at one image or batch for longer than any takes.",
            ["stage"],
            registry=registry,
        )
        build = Gauge("rotulo_build_info", "Which service this is.", ["version"], registry=registry)
        build.labels(VERSION).set(1)
        cores = Gauge("rotulo_usable_cores", "Cores that it may use.", registry=registry)
        cores.set(usable_cores())

    def _register_bounds(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(name, meaning, registry=registry)

        self.ready = gauge("rotulo_ready", "1 while /readyz says so.")
        self.queue_depth = gauge("rotulo_queue_depth", "Images that wait for the session.")
        self.queue_bound = gauge("rotulo_queue_bound", "Images that may wait for the session.")
        self.images_in_flight = gauge("rotulo_images_in_flight", "Images being labelled.")
        self.images_bound = gauge("rotulo_images_in_flight_bound", "Images that may be in flight.")
        self.bytes_in_flight = gauge("rotulo_in_flight_bytes", "Bytes of uploads held in memory.")
        self.bytes_bound = gauge("rotulo_in_flight_bound_bytes", "Bytes that may be held.")
        self.connections = gauge("rotulo_connections", "Connections that are open.")
        self.connections_bound = gauge("rotulo_connections_bound", "Connections that may be open.")
        self.turns_ahead = gauge(
            "rotulo_turns_ahead_seconds", "Until when those who were refused were told to wait."
        )
        self.turns_open = gauge(
            "rotulo_turns_open", "Turns of those who were refused that are not over yet."
        )

    def _register_cache(self, registry: CollectorRegistry) -> None:
        self._cache_lookups = Counter(
            "rotulo_cache_lookups",
            "Images looked up: hit, miss, or joined with one that is being labelled.",
            ["outcome"],
            registry=registry,
        )
        self._cache_bytes = Gauge("rotulo_cache_bytes", "Bytes of answers kept.", registry=registry)
        self.cache_bound = Gauge(
            "rotulo_cache_bound_bytes", "Bytes of answers that may be kept.", registry=registry
        )
        self._cache_evictions = Counter(
            "rotulo_cache_evictions", "Answers that gave way to others.", registry=registry
        )

    def _register_explanations(self, registry: CollectorRegistry) -> None:
        self.explanations = Gauge(
            "rotulo_explanations_in_progress", "Explanations being computed.", registry=registry
        )
        self.explanations_bound = Gauge(
            "rotulo_explanations_bound", "Explanations that may be computed.", registry=registry
        )
        self.explanation_seconds = Histogram(
            "rotulo_explanation_duration_seconds",
            "From an upload that has arrived to its explanation.",
            buckets=_SECONDS,
            registry=registry,
        )

    def count_request(self, route: str, method: str, status: str, seconds: float) -> None:
        """Count one request that ended."""
        known = method if method in _METHODS else "other"
        self._request_series(route, known, status).inc()
        self._latency_series(route).observe(seconds)

    def count_image(
        self, manifest: Manifest, labelling: Labelling, stages: Mapping[str, float]
    ) -> None:
        """Count one image whose labelling is part of an answer, with its seconds in each stage."""
        self.models.count(manifest, labelling)
        for stage, seconds in stages.items():
            self._stage_series(stage).observe(seconds)

    def count_rejection(self, reason: str) -> None:
        """Count one problem that is an answer, or part of one; the reason is the error's slug."""
        self._rejections.labels(reason).inc()

    def stuck_threads(self, stage: str) -> Gauge:
        """Return the gauge of the threads of one stage that are stuck."""
        return self._stuck_threads.labels(stage)

    def looked_up(self, outcome: str) -> None:
        """Learn from the cache how one look-up ended."""
        self._cache_lookups.labels(outcome).inc()

    def cache_changed(self, size: int, evicted: int) -> None:
        """Learn from the cache how many bytes it keeps, and how many answers just gave way."""
        self._cache_bytes.set(size)
        self._cache_evictions.inc(evicted)

    def watch(
        self, *, images: Callable[[], int], held: Callable[[], int], ready: Callable[[], int]
    ) -> None:
        """Read images in flight, bytes held and readiness at each scrape."""
        self.images_in_flight.set_function(images)
        self.bytes_in_flight.set_function(held)
        self.ready.set_function(ready)

    def loop_lagged(self, seconds: float) -> None:
        """Learn how late the event loop was."""
        self._loop_lag.observe(seconds)

    def batch_ran(self, size: int, seconds: float) -> None:
        """Learn from the batcher that a batch gave logits after so many seconds."""
        self._batch_size.observe(size)
        self._batch_seconds.observe(seconds)

    def batch_failed(self, size: int) -> None:  # noqa: ARG002  # the batcher tells, we count runs
        """Learn from the batcher that a batch failed."""
        self._failed_batches.inc()
