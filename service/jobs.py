"""One image on its way through the model, and the three things that happen to a batch of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.classifier import Classifier
from service.contract import Pixels
from service.errors import InferenceFailed

MATRIX: Final = 2
UNMADE: Final[Pixels] = np.empty((0, 0, 0), np.uint8)
"""The pixels of a job whose image is yet to be made."""


class Outcome(NamedTuple):
    """One image's logits ``[classes]``, and when its batch of so many began and ended.

    By the batcher's clock.
    """

    logits: NDArray[np.float32]
    begun: float
    ended: float
    batch_size: int


@dataclass(slots=True, eq=False)
class Job:
    """One image between ``submit`` and its end; ``deadline`` is by the event loop's clock."""

    pixels: Pixels
    future: asyncio.Future[Outcome]
    deadline: float | None = None
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    def is_late(self, now: float) -> bool:
        """Return whether the deadline has come."""
        return self.deadline is not None and self.deadline <= now

    def succeed(self, outcome: Outcome) -> None:
        """End with an outcome, unless the job has ended already."""
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: BaseException) -> None:
        """End with an error, unless the job has ended already."""
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a worker thread gives back: logits ``[N, classes]`` and the clock before and after."""

    logits: NDArray[np.float32]
    started: float
    ended: float


def collect(queue: deque[Job], *, workers: int, max_batch: int, now: float) -> list[Job]:
    """Take a worker's share off the queue: ceil(queued / workers), at most ``max_batch``, in order.

    A share, not everything: with two threads and two jobs each takes one. Jobs that have ended are
    passed over, and so are late ones, which their timers end; neither is run.
    """
    share = min(max_batch, -(-len(queue) // workers))
    batch: list[Job] = []
    while queue and len(batch) < share:
        job = queue.popleft()
        if not (job.is_late(now) or job.future.done()):
            batch.append(job)
    return batch


def next_batch(
    alone: deque[Job], queue: deque[Job], workers: int, max_batch: int, now: float
) -> list[Job]:
    """Take a worker's next batch: one of those that are to run alone, else a share of the queue."""
    jobs: list[Job] = []
    while alone and not jobs:
        jobs = collect(alone, workers=1, max_batch=1, now=now)
    while queue and not jobs:
        jobs = collect(queue, workers=workers, max_batch=max_batch, now=now)
    return jobs


def run(classifier: Classifier, pixels: Sequence[Pixels], clock: Callable[[], float]) -> Ran:
    """Run one batch; this, and nothing else, happens in a worker thread.

    Raises:
        InferenceFailed: whatever went wrong. Of any other exception the event loop would not hear,
            and the batch would be waited for without an end.
    """
    started = clock()
    try:
        logits = classifier.run(np.stack(pixels))
        sound = _are_logits(logits, len(pixels), len(classifier.manifest.labels))
    except InferenceFailed:
        raise
    except BaseException as error:
        raise InferenceFailed from error
    if not sound:
        raise InferenceFailed
    return Ran(logits, started, clock())


def _are_logits(found: NDArray[np.float32], images: int, classes: int) -> bool:
    """Tell whether each image has a number for each class; more may stand behind them."""
    shaped = found.ndim == MATRIX and len(found) == images and found.shape[1] >= classes
    return bool(shaped and np.isfinite(found[:, :classes]).all())


def deliver(jobs: Sequence[Job], ran: Ran) -> None:
    """End each job with its own row."""
    for job, logits in zip(jobs, ran.logits, strict=True):
        job.succeed(Outcome(logits, ran.started, ran.ended, len(jobs)))
