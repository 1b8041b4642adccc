"""Metrics of keys and rate limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge


class AccessMetrics:
    """What an operator watches of who may come in; refusals are in ``rotulo_rejections``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._keys = Gauge("rotulo_api_keys", "API keys that are known.", registry=registry)
        self._key_reloads = Counter(
            "rotulo_api_key_reloads",
            "Readings of a changed file of keys; a failed one leaves the old keys in force.",
            ["outcome"],
            registry=registry,
        )
        self._clients = Gauge(
            "rotulo_rate_limit_clients",
            "Windows of clients that this process counts in its memory.",
            registry=registry,
        )
        self._shared = Gauge(
            "rotulo_rate_limit_shared",
            "1 while replicas count together in Redis; 0 while each counts for itself.",
            registry=registry,
        )
        for outcome in ("done", "failed"):
            self._key_reloads.labels(outcome)

    def keys_known(self, count: int) -> None:
        """Learn how many keys there are."""
        self._keys.set(count)

    def count_key_reload(self, outcome: Literal["done", "failed"]) -> None:
        """Count one reading of a changed file of keys."""
        self._key_reloads.labels(outcome).inc()

    def watch_clients(self, count: Callable[[], int]) -> None:
        """Read how many windows there are at each scrape."""
        self._clients.set_function(count)

    def limits_shared(self, shared: int) -> None:
        """Learn whether replicas count together: 1 or 0."""
        self._shared.set(shared)
