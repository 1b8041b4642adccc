"""What the models of one process share, so that cores and threads do not grow with their number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Final, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.backlog import Backlog
from service.batcher import Batcher
from service.cores import usable_cores
from service.evidence_cache import EvidenceCache
from service.giving_way import DECODING, INFERRING, give_way
from service.metrics import Metrics
from service.settings import Settings
from service.stages import Timeline
from service.threads import WatchedThreads
from service.turns import Turns

P = ParamSpec("P")
T = TypeVar("T")
STUCK_RUNS: Final = 20
"""A run may take so many times what the largest batch was measured to take."""


class Evidence(NamedTuple):
    """What a model said about one image, ``[evidence_size]``; its upright size, its times.

    The media type of pixels that came as such is empty.
    """

    logits: NDArray[np.float32]
    width: int
    height: int
    media_type: str
    times: Timeline

    @property
    def nbytes(self) -> int:
        """Return how many bytes its numbers take."""
        return self.logits.nbytes


class Shared:
    """Threads that decode, threads that run sessions, and how much work waits for them in all."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.workers = settings.inference_threads or usable_cores()
        decode_threads = settings.decode_threads or usable_cores()
        self.decoders = WatchedThreads(decode_threads, "decode", partial(give_way, DECODING))
        self.decoding = Backlog(
            decode_threads, lambda: sum(batcher.coming for batcher in self._batchers.values())
        )
        self._inference = WatchedThreads(self.workers, "inference", partial(give_way, INFERRING))
        self._stuck_seconds = settings.stuck_seconds
        self.cache = (
            EvidenceCache[Evidence](settings.cache_bytes, metrics) if settings.cache_bytes else None
        )
        metrics.cache_bound.set(settings.cache_bytes)
        self._metrics = metrics
        self._batchers: dict[ModelQueue, Batcher] = {}
        self.turns = Turns(min(settings.max_images_in_flight, settings.max_queue))
        metrics.queue_depth.set_function(
            lambda: sum(batcher.depth for batcher in self._batchers.copy().values())
        )
        metrics.turns_ahead.set_function(lambda: self.turns.ahead(time.monotonic()))
        metrics.turns_open.set_function(lambda: self.turns.open(time.monotonic()))
        metrics.stuck_threads("inference").set_function(self.stuck)
        metrics.stuck_threads("decode").set_function(
            lambda: self.decoders.stuck(self._stuck_seconds)
        )

    def lend_inference(self) -> Executor:
        """Return the threads that run sessions, for a borrower who cannot shut them down."""
        return _Lent(self._inference)

    def queue(self) -> ModelQueue:
        """Return an observer for one model's batcher."""
        return ModelQueue(self._metrics, self._batchers)

    def book_turn(self, batcher: Batcher, caller: str) -> float:
        """Return how many seconds a caller should wait with an image of one model.

        All that is here comes first, of whichever model, since the threads are the same.
        """
        backlog = sum(other.backlog_seconds() for other in self._batchers.values())
        return self.turns.book(
            asyncio.get_running_loop().time(),
            caller,
            backlog=self.decoding.seconds() + backlog,
            each=self.decoding.each() + batcher.each(),
        )

    def seconds_before(self, batcher: Batcher) -> float:
        """Return how long an image that comes now will wait until the threads are at it.

        They are given the batches of all models in turn: for each batch of this one that waits,
        and for the image's own, another model has at most one for each thread before it.
        """
        others = (other for other in self._batchers.values() if other is not batcher)
        rounds = 1 + batcher.batches_waiting()
        between = (
            min(other.backlog_seconds(), rounds * other.handed_seconds()) for other in others
        )
        return self.decoding.seconds() + batcher.backlog_seconds() + sum(between)

    def stuck(self, times: float = 1.0) -> int:
        """Return how many threads hang in a model: at one run for ``times`` the bound.

        The bound is the setting, or what ``STUCK_RUNS`` runs of the largest batch take where that
        is longer: a slow model is not a stuck one.
        """
        longest = max((batcher.longest_run() for batcher in self._batchers.values()), default=0.0)
        return self._inference.stuck(times * max(self._stuck_seconds, STUCK_RUNS * longest))

    def all_stuck(self) -> bool:
        """Return whether no thread is left that a model could be run on."""
        runs = sum(batcher.workers for batcher in self._batchers.values())
        return 0 < min(self.workers, runs) <= self.stuck()

    def close(self) -> None:
        """End the threads; one that is stuck is left behind."""
        self.decoders.shutdown(wait=False, cancel_futures=True)
        self._inference.shutdown(wait=False)


class ModelQueue:
    """Observes the batcher of one model, and tells the metrics what waits for all of them."""

    def __init__(
        self,
        metrics: Metrics,
        batchers: dict[ModelQueue, Batcher],
    ) -> None:
        self._metrics = metrics
        self._batchers = batchers

    def employ(self, batcher: Batcher) -> None:
        """Count what waits for this batcher among the work of the threads, until it leaves."""
        self._batchers[self] = batcher

    def batch_ran(self, size: int, seconds: float) -> None:
        """Pass it on."""
        self._metrics.batch_ran(size, seconds)

    def batch_failed(self, size: int) -> None:
        """Pass it on."""
        self._metrics.batch_failed(size)

    def leave(self) -> None:
        """Count no more: the model is gone, and nothing waits for it."""
        self._batchers.pop(self, None)


class _Lent(Executor):
    """Threads of someone else's."""

    def __init__(self, owner: Executor) -> None:
        self._owner = owner

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a call on the owner's threads."""
        return self._owner.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # its signature
        """Do nothing: the owner ends them."""
